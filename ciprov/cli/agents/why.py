"""`ciprov agents why`."""

from __future__ import annotations

import click

from ciprov.cli.agents.status_text import why_text
from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.cli.output import Result, emit, output_option
from ciprov.foundation.errors import UsageError


@click.command()
@click.argument("label")
@output_option
@pass_invocation
def why(invocation: Invocation, /, *, label: str, output: str) -> None:
    """Say why there is or is not an agent for LABEL, a label expression as in Jenkins.

    The first line is the answer; below it are the templates whose agents have the label (* is the one that is taken),
    the items of the queue that ask for it with what each gets, the agents at hand, and the nodes that have it. An
    empty LABEL means builds that ask for none.

    \b
    Examples:
      ciprov agents why linux
      ciprov agents why 'linux && (gpu || !arm)'
      ciprov agents why linux -o json | jq -r .answer
    """
    from ciprov.wiring.agents_operating import service

    found = service(invocation.settings_of_service()).why(label)
    if not found["parses"]:
        raise UsageError(str(found["answer"]).removesuffix("."), place="LABEL", way_out=str(found["way_out"]))
    emit(Result(found, why_text(found), {"CIPROV_WHY": str(found["answer"])}), output)
