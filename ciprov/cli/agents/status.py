"""`ciprov agents status`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import click

from ciprov.cli.agents.status_text import agent_text, status_text
from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.cli.output import Result, as_json, emit, output_option
from ciprov.foundation.errors import UsageError
from ciprov.foundation.json import JsonObject


@click.command()
@click.argument("agent", required=False)
@click.option("--watch", is_flag=True, help="Show it again and again, until Ctrl-C.")
@click.option(
    "--every", type=click.FloatRange(0.2, 3600), default=2.0, show_default=True, help="Seconds between two looks."
)
@output_option
@pass_invocation
def status(invocation: Invocation, /, *, agent: str | None, watch: bool, every: float, output: str) -> None:
    """Show what the agent service does: Jenkins and Mesos, agents, times, failures, pauses.

    With AGENT show that one, also when it went lately: what became of it, its log in Jenkins and its sandbox. With
    --watch `-o json` gives one line for each look.

    \b
    Examples:
      ciprov agents status
      ciprov agents status --watch
      ciprov agents status ciprov-linux-4f2a -o json
      ciprov agents status -o json | jq '.times.queue_to_accept.p95'
    """
    from ciprov.wiring.agents_operating import sandbox_link, service

    running = service(invocation.settings_of_service())

    def look() -> Result:
        if agent is None:
            found = running.status()
            return Result(found, status_text(found, invocation.settings.cluster.name), _variables(found))
        one = running.agent(agent)
        one["links"]["sandbox"] = sandbox_link(invocation.settings, one)
        return Result(one, agent_text(one), {"CIPROV_AGENT": agent, "CIPROV_AGENT_PHASE": str(one["phase"])})

    if watch:
        _watch(look, output, every)
    else:
        emit(look(), output)


def _watch(look: Callable[[], Result], output: str, every: float) -> None:
    if output not in ("table", "json"):
        raise UsageError(f"--watch writes as it comes and cannot write {output}", way_out="-o json, or none")
    while True:
        result = look()
        if output == "json":
            click.echo(as_json(result.document))
        else:
            if sys.stdout.isatty():
                click.clear()
            click.echo(f"{result.text}\n")
        sys.stdout.flush()
        time.sleep(every)


def _variables(found: JsonObject) -> dict[str, str]:
    return {
        "CIPROV_AGENTS": str(len(found["agents"])),
        "CIPROV_AGENTS_WANTED": str(found["queue"]["wanted"]),
        "CIPROV_AGENTS_JENKINS_UP": str(found["jenkins"]["up"]).lower(),
        "CIPROV_AGENTS_MESOS_UP": str(found["mesos"]["up"]).lower(),
    }
