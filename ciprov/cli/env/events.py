"""`ciprov env events`."""

from __future__ import annotations

import select
import sys

import click

from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.cli.output import Result, as_json, emit, output_option
from ciprov.environments.events.following import NEWEST, Followed
from ciprov.environments.events.happening import Happening, recorded
from ciprov.environments.events.news import seen
from ciprov.foundation.errors import UsageError


@click.command()
@click.argument("name", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens, until Ctrl-C.")
@click.option(
    "-n", "--last", type=click.IntRange(0, 5000), default=50, show_default=True, help="How many recorded operations."
)
@output_option
@pass_invocation
def events(invocation: Invocation, *, name: str | None, follow: bool, last: int, output: str) -> None:
    """Show the operations on environment NAME or on all of them in the order of time, one line each.

    With --follow go on, with operations that anybody begins or ends (looked up every 2 s), and with what Marathon says
    of the environments' apps: deployments, states of tasks, health. Marathon's events are hints: they may be lost, or
    come late, twice or in another order, and while its stream is broken, which is told, none come. `ciprov env status`
    says how things stand.

    `-o json` gives one document, with --follow one line of JSON for each event.

    \b
    Examples:
      ciprov env events
      ciprov env events feature-x --follow
      ciprov env events --follow -n 0 -o json | jq -r 'select(.sort == "task")'
    """
    if follow and output not in ("table", "json"):
        raise UsageError(f"--follow writes as it comes and cannot write {output}", way_out="-o json, or none")
    records = invocation.environments if follow else invocation.records
    cluster, slug = records.cluster.name, records.named(name)[0] if name else ""
    store = records.store
    # More than are shown, so that the end of what began before is told as well.
    looked_at = max(last, NEWEST)
    entries = store.history(cluster, slug, looked_at) if slug else store.operations(cluster, looked_at)
    told = [recorded(entry) for entry in reversed(entries[:last])]
    if not follow:
        text = "\n".join(map(str, told)) or "no operation is recorded"
        emit(Result({"cluster": cluster, "events": [one.to_json() for one in told]}, text), output)
        return
    for one in told:
        _write(one, output)
    environments = invocation.environments
    followed = Followed(slug, environments.cluster.prefix, seen(entries), _stop_without_reader)
    environments.service.follow(followed, lambda one: _write(one, output))


def _write(one: Happening, output: str) -> None:
    line = str(one) if output == "table" else as_json(one.to_json())
    click.echo(line)
    sys.stdout.flush()


def _stop_without_reader() -> None:
    """Else a pipe that nobody reads any more would be noticed by the next event only, which may never come."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        broken = any(state & select.POLLERR for _, state in poll.poll(0))
    except (OSError, ValueError):
        return
    if broken:
        raise BrokenPipeError
