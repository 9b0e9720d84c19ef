"""`ciprov agents`: where each of its commands is found."""

from __future__ import annotations

import click

from ciprov.cli.lazy import LazyGroup

_COMMANDS = {
    "serve": ("ciprov.cli.agents.serve", "serve", "Watch Jenkins's queue, and launch an agent for each build."),
}


@click.group(cls=LazyGroup, commands_at=_COMMANDS)
def agents() -> None:
    """Jenkins agents as Mesos tasks: one for each build, made when it is wanted and gone afterwards."""
