"""`ciprov jobs`: where each of its commands is found."""

from __future__ import annotations

import click

from ciprov.cli.lazy import LazyGroup

_COMMANDS = {
    "check": ("ciprov.cli.jobs.check", "check", "Say what is wrong in job definitions."),
    "render": ("ciprov.cli.jobs.render", "render", "Show the jobs as the XML that Jenkins keeps."),
    "diff": ("ciprov.cli.jobs.diff", "diff", "Show what differs on a Jenkins."),
    "sync": ("ciprov.cli.jobs.sync", "sync", "Create and update the jobs that differ."),
}


@click.group(cls=LazyGroup, commands_at=_COMMANDS)
def jobs() -> None:
    """Jenkins jobs from definitions in jenkins-job-builder's YAML (docs/jobs.md).

    PATH is a file or a directory with .yaml files; without one it is the directory `jobs`. They need the extra
    `ciprov[jobs]`.
    """
