"""`ciprov agents logs`."""

from __future__ import annotations

import sys

import click

from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.cli.output import Result, emit, output_option, warn
from ciprov.foundation.errors import UsageError


@click.command()
@click.argument("agent")
@click.option("--stdout", "file", flag_value="stdout", help="What its task wrote to stdout, not stderr.")
@click.option("-f", "--follow", is_flag=True, help="Go on until the agent ends or Ctrl-C.")
@click.option("-n", "--lines", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many.")
@output_option
@pass_invocation
def logs(invocation: Invocation, /, *, agent: str, file: str | None, follow: bool, lines: int, output: str) -> None:
    """Show what the task of AGENT wrote into its sandbox, also when it went lately.

    That is stderr, where agent.jar writes; builds are in Jenkins. `ciprov agents status AGENT` has the addresses of
    the sandbox and of the agent's log in Jenkins.

    \b
    Examples:
      ciprov agents logs ciprov-linux-4f2a
      ciprov agents logs ciprov-linux-4f2a --stdout --follow
    """
    from ciprov.wiring.agents_operating import Sandbox

    name = file or "stderr"
    if follow and output != "table":
        raise UsageError(f"--follow writes as it comes and cannot write {output}")
    sandbox = Sandbox(invocation.settings_of_service(), agent, warn)
    if not follow:
        text = sandbox.tail(name, lines)
        emit(Result({"agent": agent, "file": name, "text": text}, text), output)
        return
    for piece in sandbox.follow(name, lines):
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
