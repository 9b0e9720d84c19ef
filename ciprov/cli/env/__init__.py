"""`ciprov env`: where each of its commands is found."""

from __future__ import annotations

import click

from ciprov.cli.lazy import LazyGroup

_COMMANDS = {
    "plan": ("ciprov.cli.env.plan", "plan", "Show what `up` would do; write nothing."),
    "up": ("ciprov.cli.env.up", "up", "Make or change an environment and wait until it serves."),
    "clone": ("ciprov.cli.env.clone", "clone", "Make another one as one was made."),
    "promote": ("ciprov.cli.env.promote", "promote", "Bring what one was made of to another kind."),
    "down": ("ciprov.cli.env.down", "down", "Take environments away without a trace."),
    "resume": ("ciprov.cli.env.resume", "resume", "Go on with what was cut short."),
    "list": ("ciprov.cli.env.standing", "list_", "List the environments of the cluster."),
    "show": ("ciprov.cli.env.standing", "show", "Show the addresses and the history of one."),
    "status": ("ciprov.cli.env.standing", "status", "Show what runs in one, and why something does not."),
    "history": ("ciprov.cli.env.history", "history", "Show what was done to one, and by whom."),
    "events": ("ciprov.cli.env.events", "events", "Show what happens to environments, also as it does."),
    "adopt": ("ciprov.cli.env.adopt", "adopt", "Record one again whose record was lost."),
    "extend": ("ciprov.cli.env.lifetime", "extend", "Let one live longer; restarts nothing."),
    "pin": ("ciprov.cli.env.lifetime", "pin", "Keep one from being reaped."),
    "unpin": ("ciprov.cli.env.lifetime", "unpin", "Let one be reaped again."),
    "touch": ("ciprov.cli.env.lifetime", "touch", "Note that one is in use."),
    "sleep": ("ciprov.cli.env.sleeping", "sleep", "Stop all its tasks; remember how many there were."),
    "wake": ("ciprov.cli.env.sleeping", "wake", "Start again what sleeps, and wait until it serves."),
    "reap": ("ciprov.cli.env.reap", "reap", "Remove those that nobody needs any more."),
    "gc": ("ciprov.cli.env.gc", "gc", "Find what no environment owns any more, and remove it."),
    "logs": ("ciprov.cli.env.logs", "logs", "Show what tasks wrote."),
    "exec": ("ciprov.cli.env.exec", "exec_", "Run a command beside a running task."),
}


@click.group(cls=LazyGroup, commands_at=_COMMANDS)
def env() -> None:
    """Whole environments, each a Marathon group made from a blueprint.

    NAME may be a branch: feature/ABC-12_x becomes feature-abc-12-x.
    """
