"""`ciprov jobs render`."""

from __future__ import annotations

from pathlib import Path

import click

from ciprov.cli.jobs.options import paths_argument
from ciprov.cli.output import Result, emit, output_option, warn
from ciprov.foundation.errors import UsageError


@click.command()
@paths_argument
@click.option("--to", "directory", metavar="DIR", default="", help="Write DIR/<job>/config.xml instead.")
@click.option("--job", "only", metavar="NAME", default="", help="Only this one, folders included: team/build.")
@output_option
def render(*, paths: tuple[str, ...], directory: str, only: str, output: str) -> None:
    """Show the jobs of definitions as the XML that Jenkins keeps. Asks no Jenkins.

    \b
    Examples:
      ciprov jobs render --job ciprov/environment-up
      ciprov jobs render jobs/ --to rendered/
    """
    from ciprov.wiring.job_definitions import good, read

    definitions = read(paths)
    jobs = [job for job in good(definitions) if only in {"", job.name}]
    for finding in definitions.findings:
        warn(str(finding))
    if only and not jobs:
        known = ", ".join(job.name for job in definitions.jobs) or "none"
        raise UsageError(f"there is no job '{only}' in these definitions", way_out=f"there are: {known}")
    written: dict[str, str] = {}
    for job in jobs if directory else ():
        file = Path(directory, *job.name.split("/"), "config.xml")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(job.xml, encoding="utf-8")
        written[job.name] = str(file)
    document = {
        "jobs": [
            {
                "job": job.name,
                "place": str(job.place),
                "plugins": sorted({need.plugin for need in job.needs}),
                "file": written.get(job.name),
                "xml": None if directory else job.xml,
            }
            for job in jobs
        ]
    }
    text = (
        "\n".join(written.values()) if directory else "\n".join(_titled(job.name, job.xml, len(jobs)) for job in jobs)
    )
    emit(Result(document, text), output)


def _titled(name: str, xml: str, count: int) -> str:
    """One job alone is XML that other programs can read."""
    return xml if count == 1 else f"<!-- {name.replace('--', '- -')} -->\n{xml}"
