"""`ciprov blueprint import`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ciprov.cli.output import FORMATS, Result, emit, warn
from ciprov.foundation.errors import FAILED, OK, UsageError

if TYPE_CHECKING:
    from ciprov.environments.importing.importer import Imported

_STDOUT = "-"
_WORDS = {"error": "errors", "warning": "not carried over", "note": "said in another way"}


@dataclass(frozen=True)
class _Asked:
    """The arguments and options of one call."""

    files: tuple[str, ...]
    name: str
    target: str
    form: str
    strict: bool
    force: bool


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--name", default="", help="The blueprint's name; else it follows from the files.")
@click.option("--output", "target", metavar="FILE", default=_STDOUT, help="Where to write the blueprint; - is stdout.")
@click.option(
    "-o", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="The form of the report."
)
@click.option("--strict", is_flag=True, help="Fail where anything could not be carried over.")
@click.option("--force", is_flag=True, help="Replace FILE of --output even if it says something else.")
@click.pass_context
def import_(ctx: click.Context, /, **given: Any) -> None:
    """Make a blueprint of Marathon definitions or Compose files. Starts nothing.

    Several Compose files are merged in their order, as `docker compose -f A -f B` does; Marathon files stand side by
    side. What cannot be carried over is listed with file, line and column.

    \b
    Examples:
      ciprov blueprint import docker-compose.yml --output environments/shop.yaml
      ciprov blueprint import web.json api.json --name shop --strict
    \b
    Exit codes: 0 imported, 1 refused, or not fit for use as it is; with --strict also where something was lost.
    """
    from ciprov.wiring.importing import import_files, write

    asked = _Asked(**given)
    if asked.target in FORMATS and not Path(asked.target).exists():
        raise UsageError(
            f"--output names the file to write, and {asked.target!r} is a form",
            place="option --output",
            way_out=f"write -o {asked.target}, or --output ./{asked.target} for a file of that name",
        )
    imported = import_files(asked.files, asked.name, "" if asked.target == _STDOUT else asked.target)
    if imported.text and asked.target != _STDOUT:
        write(imported.text, asked.target, force=asked.force)
    counts = _counts(imported)
    _tell(imported, asked.target, asked.form, counts)
    is_bad = not imported.text or counts["error"] or (asked.strict and counts["warning"])
    ctx.exit(FAILED if is_bad else OK)


def _counts(imported: Imported) -> dict[str, int]:
    return {word: sum(one.severity.value == word for one in imported.findings) for word in _WORDS}


def _tell(imported: Imported, target: str, form: str, counts: dict[str, int]) -> None:
    to_stdout = target == _STDOUT
    document = {
        "blueprint": imported.name,
        "imported": bool(imported.text),
        "file": "" if to_stdout or not imported.text else target,
        "text": imported.text if to_stdout else "",
        "errors": counts["error"],
        "lost": counts["warning"],
        "translated": counts["note"],
        "findings": [
            {
                "severity": one.severity.value,
                "file": one.file,
                "line": one.line,
                "column": one.column,
                "key": one.key,
                "message": one.message,
                "way_out": one.way_out,
            }
            for one in imported.findings
        ],
    }
    report = "\n".join([*map(str, imported.findings), _verdict(imported, target, counts)])
    variables = {
        "CIPROV_BLUEPRINT": imported.name,
        "CIPROV_BLUEPRINT_ERRORS": str(counts["error"]),
        "CIPROV_BLUEPRINT_LOST": str(counts["warning"]),
    }
    if form == "table" and to_stdout:
        warn(report)
        emit(Result(document, imported.text, variables), form)
    else:
        emit(Result(document, report, variables), form)


def _verdict(imported: Imported, target: str, counts: dict[str, int]) -> str:
    if not imported.text:
        return f"refused: {counts['error']} error{'' if counts['error'] == 1 else 's'}"
    told = ", ".join(f"{counts[word]} {text}" for word, text in _WORDS.items())
    where = "" if target == _STDOUT else f", written to {target}"
    return f"blueprint {imported.name}{where}: {told}"
