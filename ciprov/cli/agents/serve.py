"""`ciprov agents serve`."""

from __future__ import annotations

import os
import sys

import click

from ciprov.cli.invocation import Invocation, pass_invocation


@click.command()
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Lines for people, or one JSON object for each.",
)
@pass_invocation
def serve(invocation: Invocation, /, *, log_format: str) -> None:
    """Watch Jenkins's queue, and launch a Mesos task for each build that waits for an agent.

    Runs until SIGTERM or Ctrl-C; agents and their builds go on without it, and the next `serve` takes them over. Of
    several, one serves and the others stand in for it. The settings are read again when their file changes, and on
    SIGHUP. The log goes to stderr.

    \b
    Examples:
      ciprov --cluster staging agents serve
      ciprov --local agents serve --log-format json 2> agents.log
    """
    from ciprov.agents.view.log_lines import LogFormat
    from ciprov.settings.loading import load
    from ciprov.wiring import agents

    settings = invocation.settings
    click.echo(f"cluster: {settings.cluster.name}", err=True)
    output = agents.Output(sys.stderr, LogFormat(log_format))
    agents.serve(settings, lambda: load(os.environ, invocation.options), output)
