"""Options and arguments that the commands for jobs share, and how they show findings and steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ciprov.cli.output import warn

if TYPE_CHECKING:
    from ciprov.cli.invocation import Invocation
    from ciprov.domain.jobs import JobFinding
    from ciprov.jobs.planning import Missing, Step
    from ciprov.settings.agents import JenkinsAccess
    from ciprov.wiring.jobs import Jobs

Command = TypeVar("Command", bound=Callable[..., Any])

paths_argument = click.argument("paths", nargs=-1, metavar="[PATH]...")


def server_options(command: Command) -> Command:
    """Adds what says which Jenkins, and which of its jobs are ours."""
    for option in (
        click.option(
            "--ignore-plugin",
            "ignored",
            multiple=True,
            metavar="NAME",
            help="Do not ask for this plugin, which Jenkins lacks. Repeatable.",
        ),
        click.option("--adopt", is_flag=True, help="Take over jobs of these names that ciprov did not create."),
        click.option(
            "--set",
            "set_name",
            metavar="NAME",
            default="ciprov",
            show_default=True,
            help="What the definitions are called in the mark of their jobs: one for each repository.",
        ),
        click.option(
            "--jenkins-url",
            metavar="URL",
            default="",
            envvar="CIPROV_JENKINS_URL",
            help="The Jenkins; else that of the cluster's section `agents`. CIPROV_JENKINS_USER and "
            "CIPROV_JENKINS_TOKEN_FILE are for it.",
        ),
    ):
        command = option(command)
    return command


def looked(ctx: click.Context, invocation: Invocation, paths: tuple[str, ...], options: Mapping[str, Any]) -> Jobs:
    """What there is to do, by the `options` that `server_options` adds; warnings in the definitions are told."""
    from ciprov.wiring.jobs import look, rules

    wanted = rules(
        options["set_name"], adopt=options["adopt"], prune=options.get("prune", False), ignored=options["ignored"]
    )
    found = look(_jenkins(ctx, invocation, options["jenkins_url"]), paths, wanted)
    for note in (*map(str, found.definitions.findings), *found.notes):
        warn(note)
    return found


def _jenkins(ctx: click.Context, invocation: Invocation, url: str) -> JenkinsAccess:
    from click.core import ParameterSource

    from ciprov.wiring.jobs import access

    by_variable = ctx.get_parameter_source("jenkins_url") is ParameterSource.ENVIRONMENT
    return access(
        url, "variable CIPROV_JENKINS_URL" if by_variable else "option --jenkins-url", lambda: invocation.settings
    )


def finding_document(finding: JobFinding) -> dict[str, Any]:
    return {
        "severity": finding.severity.value,
        "file": finding.place.file,
        "line": finding.place.line,
        "column": finding.place.column,
        "message": finding.message,
        "way_out": finding.way_out,
    }


def missing_documents(missing: Iterable[Missing]) -> list[dict[str, Any]]:
    return [
        {
            "plugin": each.plugin,
            "needed_by": [{"job": job, "key": key, "place": str(place)} for job, key, place in each.needed_by],
        }
        for each in missing
    ]


def step_document(step: Step) -> dict[str, Any]:
    return {
        "job": step.name,
        "action": step.action.value,
        "reason": step.reason,
        "place": str(step.place) if step.place else None,
        "diff": list(step.diff),
    }
