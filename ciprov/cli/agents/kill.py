"""`ciprov agents kill`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from difflib import get_close_matches

import click

from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.cli.output import Result, emit, note, output_option, table, warn
from ciprov.foundation.errors import CHANGES, CiprovError, UsageError
from ciprov.foundation.json import JsonObject


class NotConfirmed(CiprovError):
    """What would be killed was shown and not agreed to."""


@click.command()
@click.argument("agents", metavar="AGENT...", nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Show which would be killed, with the builds on them; kill none.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask once they are shown.")
@output_option
@pass_invocation
@click.pass_context
def kill(
    ctx: click.Context,
    invocation: Invocation,
    /,
    *,
    agents: Sequence[str],
    dry_run: bool,
    yes: bool,
    output: str,
) -> None:
    """End AGENTs at once, with the builds on them. To let builds end first, `ciprov agents drain` their template.

    With --dry-run the exit code is 2 where some would be killed.

    \b
    Examples:
      ciprov agents kill ciprov-linux-4f2a --dry-run
      ciprov agents kill ciprov-linux-4f2a ciprov-linux-77b0 --yes
    """
    from ciprov.wiring.agents_operating import service

    running = service(invocation.settings_of_service())
    found = _named(running.status(), agents)
    rows = [[one["agent"], one["template"], one["phase"], one["host"], " ".join(one["builds"])] for one in found]
    shown = table(("AGENT", "TEMPLATE", "PHASE", "HOST", "BUILDS"), rows)
    document = {"dry_run": dry_run, "agents": found}
    names = [str(one["agent"]) for one in found]
    variables = {"CIPROV_AGENTS_KILLED": "" if dry_run else " ".join(names)}
    if dry_run:
        emit(Result(document, shown, variables), output)
        ctx.exit(CHANGES)
    (note if yes else warn)(shown)
    if not yes:
        _ask(names)
    running.kill(names)
    emit(Result(document, f"killed: {', '.join(names)}", variables), output)


def _ask(names: Sequence[str]) -> None:
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to agree to it", way_out="look with --dry-run, then say --yes to do it")
    if not click.confirm(f"Kill {', '.join(names)}?", err=True):
        raise NotConfirmed("nothing was done: it was not agreed to")


def _named(status: JsonObject, names: Sequence[str]) -> list[JsonObject]:
    there = {str(one["agent"]): one for one in status["agents"]}
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if name not in there:
            near = get_close_matches(name, there, n=1)
            raise UsageError(
                f"there is no agent {name}; nothing was done",
                way_out=f"Did you mean {near[0]}?" if near else "`ciprov agents status` lists them.",
            )
    return [there[name] for name in wanted]
