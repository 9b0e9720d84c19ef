"""`ciprov agents`: where each of its commands is found."""

from __future__ import annotations

import click

from ciprov.cli.lazy import LazyGroup

_COMMANDS = {
    "serve": ("ciprov.cli.agents.serve", "serve", "Watch Jenkins's queue, and launch an agent for each build."),
    "status": ("ciprov.cli.agents.status", "status", "Show what the service does, or what became of one agent."),
    "templates": ("ciprov.cli.agents.templates", "templates", "Show what agents are made like, and where that stands."),
    "why": ("ciprov.cli.agents.why", "why", "Say why there is or is not an agent for a label."),
    "request": ("ciprov.cli.agents.steering", "request", "Make one agent for whoever asks for its label."),
    "drain": ("ciprov.cli.agents.steering", "drain", "Make no more agents of templates; builds go on."),
    "undrain": ("ciprov.cli.agents.steering", "undrain", "Make agents of drained templates again."),
    "resume": ("ciprov.cli.agents.steering", "resume", "Try templates again that pause because they failed."),
    "kill": ("ciprov.cli.agents.kill", "kill", "End agents at once, with the builds on them."),
    "reload": ("ciprov.cli.agents.steering", "reload", "Let the service read the settings again."),
    "logs": ("ciprov.cli.agents.logs", "logs", "Show what an agent's task wrote."),
    "metrics": ("ciprov.cli.agents.metrics", "metrics", "Print the service's metrics for Prometheus."),
}


@click.group(cls=LazyGroup, commands_at=_COMMANDS)
def agents() -> None:
    """Jenkins agents as Mesos tasks: one for each build, made when it is wanted and gone afterwards.

    All but `serve` and `templates` talk to the service that runs on this machine, by its socket in the state directory.
    """
