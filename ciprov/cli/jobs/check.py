"""`ciprov jobs check`."""

from __future__ import annotations

import click

from ciprov.cli.jobs.options import finding_document, paths_argument
from ciprov.cli.output import Result, emit, output_option
from ciprov.foundation.errors import FAILED, OK


@click.command()
@paths_argument
@output_option
@click.pass_context
def check(ctx: click.Context, *, paths: tuple[str, ...], output: str) -> None:
    """Say what is wrong in job definitions, with file, line and column. Asks no Jenkins.

    Keys that nothing reads are errors where they look like slips, and warnings where they merely have no effect. Exit
    code 1 where there is an error.

    \b
    Examples:
      ciprov jobs check
      ciprov jobs check jobs/ team/nightly.yaml -o json
    """
    from ciprov.wiring.job_definitions import read

    definitions = read(paths)
    wrong = sum(finding.is_error for finding in definitions.findings)
    document = {
        "jobs": [job.name for job in definitions.jobs],
        "errors": wrong,
        "findings": [finding_document(finding) for finding in definitions.findings],
    }
    count = f"{len(definitions.jobs)} job{'' if len(definitions.jobs) == 1 else 's'}"
    verdict = f"{wrong} error{'' if wrong == 1 else 's'}" if wrong else f"{count}, no errors"
    text = "\n".join([*map(str, definitions.findings), verdict])
    emit(Result(document, text, {"CIPROV_JOBS_ERRORS": str(wrong)}), output)
    ctx.exit(FAILED if wrong else OK)
