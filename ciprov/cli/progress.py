"""How an operation is shown while it runs, on stderr: a live table on a terminal, a line per change elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from ciprov.cli.output import is_quiet
from ciprov.environments.progress import AppProgress, AppState, Note, Planned, Progress

if TYPE_CHECKING:
    from ciprov.environments.session import Report

_COLOURS = {
    AppState.HEALTHY: "green",
    AppState.FAILED: "red",
    AppState.STARTING: "yellow",
    AppState.WAITING: "yellow",
    AppState.STOPPING: "yellow",
}

_ARRIVED = frozenset({AppState.HEALTHY, AppState.ASLEEP, AppState.GONE, AppState.FAILED})


@contextmanager
def shown(*, plan: bool = True) -> Iterator[Report]:
    """Gives what to report to. `plan`: whether the plan is shown as it comes."""
    if is_quiet():
        yield lambda _: None
    elif _is_terminal():
        with _live(plan) as report:
            yield report
    else:
        with _section():
            yield lambda progress: click.echo(_line(progress, plan), err=True) if _line(progress, plan) else None


def _is_terminal() -> bool:
    """That can be written to more than once: those that cannot are called dumb."""
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")


@contextmanager
def _section() -> Iterator[None]:
    """In a build the progress stands between two lines by which the console may be folded."""
    context = click.get_current_context(silent=True)
    if context is None or not (os.environ.get("CI") or os.environ.get("JENKINS_URL")):
        yield
        return
    began, outcome = time.monotonic(), "failed"
    click.echo(f"[ciprov] begin {_called(context)}", err=True)
    try:
        yield
        outcome = "done"
    finally:
        click.echo(f"[ciprov] end {_called(context)}: {outcome} after {time.monotonic() - began:.1f} s", err=True)


def _called(context: click.Context) -> str:
    """Without its options, which may hold what is nobody's business."""
    given = [context.params.get(name) for name in ("name", "names", "source")]
    names = [one for value in given if value for one in ((value,) if isinstance(value, str) else value)]
    return " ".join([*context.command_path.split()[1:], *names])


def _line(progress: Progress, plan: bool) -> str:
    if isinstance(progress, Planned) and not plan:
        return ""
    return str(progress)


@contextmanager
def _live(plan: bool) -> Iterator[Report]:
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, highlight=False)
    apps: dict[str, tuple[AppProgress, float]] = {}
    started = time.monotonic()

    with Live(
        console=console, refresh_per_second=4, transient=False, get_renderable=lambda: _table(apps, started)
    ) as live:

        def report(progress: Progress) -> None:
            if isinstance(progress, AppProgress):
                known = apps.get(progress.app)
                same = known is not None and known[0].state is progress.state
                apps[progress.app] = progress, known[1] if known and same else time.monotonic()
                live.refresh()
            elif isinstance(progress, Note) or plan:
                console.print(str(progress), markup=False)

        yield report


def _table(apps: dict[str, tuple[AppProgress, float]], started: float) -> Any:
    """How long an app is in its state; of one that has arrived, when that was."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    now = time.monotonic()
    for name, (progress, since) in sorted(apps.items()):
        counts = f"{progress.ready}/{progress.wanted}" if progress.wanted else ""
        state = Text(progress.state.value, style=_COLOURS.get(progress.state, ""))
        seconds = f"after {since - started:.1f} s" if progress.state in _ARRIVED else f"for {now - since:.0f} s"
        table.add_row(Text(name), state, Text(counts), Text(seconds), Text(progress.detail))
    return table
