"""`ciprov agents kill`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

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

    One that is gone already is told, and that is fine. With --dry-run the exit code is 2 where some would be killed.

    \b
    Examples:
      ciprov agents kill ciprov-linux-4f2a --dry-run
      ciprov agents kill ciprov-linux-4f2a ciprov-linux-77b0 --yes
    """
    from ciprov.wiring.agents_operating import service

    running = service(invocation.settings_of_service())
    found, gone = _named(running.status(), running.agent, agents)
    rows = [[one["agent"], one["template"], one["phase"], one["host"], " ".join(one["builds"])] for one in found]
    shown = table(("AGENT", "TEMPLATE", "PHASE", "HOST", "BUILDS"), rows)
    document = {"dry_run": dry_run, "agents": found, "gone": gone}
    before = [f"agent {one['agent']} is gone already: {_why(one)}" for one in gone]
    names = [str(one["agent"]) for one in found]
    variables = {"CIPROV_AGENTS_KILLED": "" if dry_run else " ".join(names)}
    if not found:
        emit(Result(document, "\n".join(before), variables), output)
        return
    if dry_run:
        emit(Result(document, "\n".join([shown, *before]), variables), output)
        ctx.exit(CHANGES)
    (note if yes else warn)(shown)
    if not yes:
        _ask(names)
    running.kill(names)
    emit(Result(document, "\n".join([f"killed: {', '.join(names)}", *before]), variables), output)


def _ask(names: Sequence[str]) -> None:
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to agree to it", way_out="look with --dry-run, then say --yes to do it")
    if not click.confirm(f"Kill {', '.join(names)}?", err=True):
        raise NotConfirmed("nothing was done: it was not agreed to")


def _named(
    status: JsonObject, look: Callable[[str], JsonObject], names: Sequence[str]
) -> tuple[list[JsonObject], list[JsonObject]]:
    """Those that are there, and those that went lately. Raises `UsageError` for any other name."""
    there = {str(one["agent"]): one for one in status["agents"]}
    found: list[JsonObject] = []
    gone: list[JsonObject] = []
    for name in dict.fromkeys(names):
        try:
            one = there.get(name) or look(name)
        except UsageError as error:
            # No other agent is proposed: their names differ in what is random, and this one would be killed.
            raise UsageError(
                f"there is no agent {name}, nor was there lately; nothing was done",
                way_out="`ciprov agents status` lists them.",
            ) from error
        if name in there:
            found.append(one)
        else:
            gone.append({key: one[key] for key in ("agent", "cause", "why", "detail")})
    return found, gone


def _why(gone: JsonObject) -> str:
    return f"{gone['why']}: {gone['detail']}" if gone["detail"] else str(gone["why"])
