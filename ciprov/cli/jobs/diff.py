"""`ciprov jobs diff`."""

from __future__ import annotations

from typing import Any

import click

from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.cli.jobs.options import looked, missing_documents, paths_argument, server_options, step_document
from ciprov.cli.output import Result, emit, output_option, warn
from ciprov.foundation.errors import CHANGES, OK


@click.command()
@paths_argument
@server_options
@output_option
@pass_invocation
@click.pass_context
def diff(ctx: click.Context, invocation: Invocation, /, paths: tuple[str, ...], output: str, **options: Any) -> None:
    """Show what differs between job definitions and a Jenkins. Writes nothing.

    What Jenkins adds by itself (versions of plugins, defaults of fields) is no difference. Exit code 2 where anything
    differs, or is refused.

    \b
    Examples:
      ciprov jobs diff --jenkins-url https://jenkins.example.org
      ciprov --cluster staging jobs diff jobs/ -o json
    """
    from ciprov.cli.jobs.plan_text import plan_text

    found = looked(ctx, invocation, paths, options)
    for missing in found.plan.missing:
        warn(f"warning: {missing}")
    document = {
        "jenkins": found.target,
        "set": options["set_name"],
        "differs": found.plan.differs,
        "jobs": [step_document(step) for step in found.plan.steps],
        "missing_plugins": missing_documents(found.plan.missing),
    }
    variables = {"CIPROV_JOBS_DIFFER": str(found.plan.differs).lower()}
    emit(Result(document, plan_text(found.plan), variables), output)
    ctx.exit(CHANGES if found.plan.differs else OK)
