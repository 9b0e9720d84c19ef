"""`ciprov blueprint`."""

from __future__ import annotations

import click

from ciprov.cli.lazy import LazyGroup
from ciprov.cli.output import Result, emit, output_option
from ciprov.foundation.errors import FAILED, OK


@click.group(
    cls=LazyGroup,
    commands_at={
        "check": ("ciprov.cli.blueprint", "check", "Say what is wrong in a file."),
        "import": ("ciprov.cli.blueprint_import", "import_", "Make one of Marathon definitions or Compose files."),
    },
)
def blueprint() -> None:
    """Blueprints: a Marathon group under a small header, from which environments are made."""


@click.command()
@click.argument("file")
@output_option
@click.pass_context
def check(ctx: click.Context, *, file: str, output: str) -> None:
    """Say what is wrong in a blueprint, with file, line and column. Starts nothing.

    \b
    Example:
      ciprov blueprint check environments/courseware.yaml
    """
    from ciprov.wiring.building import check as findings_of

    findings = findings_of(file)
    wrong = sum(finding.is_error for finding in findings)
    document = {
        "file": file,
        "errors": wrong,
        "findings": [
            {
                "severity": finding.severity.value,
                "line": finding.line,
                "column": finding.column,
                "key": finding.key,
                "message": finding.message,
                "allowed": finding.allowed,
                "way_out": finding.way_out,
            }
            for finding in findings
        ],
    }
    verdict = f"{file}: {wrong} error{'' if wrong == 1 else 's'}" if wrong else f"{file}: no errors"
    text = "\n".join([*map(str, findings), verdict])
    emit(Result(document, text, {"CIPROV_BLUEPRINT_ERRORS": str(wrong)}), output)
    ctx.exit(FAILED if wrong else OK)
