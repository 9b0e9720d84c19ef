"""The options that commands on environments share, most of them to say what an environment shall be."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import click

from ciprov.cli.output import note, warn
from ciprov.environments.blueprint.durations import ALLOWED, seconds
from ciprov.environments.blueprint.findings import Finding, Severity
from ciprov.environments.blueprint.parameters import VARIABLE_PREFIX
from ciprov.wiring.building import Asked, Prepared, prepare
from ciprov.wiring.environments import Records

Command = TypeVar("Command", bound=Callable[..., Any])


def duration(given: str | int) -> int:
    """The type of options that take a duration; in seconds."""
    found = 0 if given in (0, "0") else given if isinstance(given, int) else seconds(given)
    if found is None:
        raise click.BadParameter(f"{given!r} is no duration; use {ALLOWED}")
    return found


def lifetime(given: str | int) -> int:
    """The type of options that take a time to live; in seconds, 0 for `never`."""
    return 0 if isinstance(given, str) and given.strip().lower() == "never" else duration(given)


def pair(given: str | tuple[str, str]) -> tuple[str, str]:
    """The type of `name=value`; its message does not repeat what is wrong, as it may be a secret."""
    if isinstance(given, tuple):
        return given
    name, equals, text = given.partition("=")
    if not equals or not name.strip():
        raise click.BadParameter("a parameter is given as NAME=VALUE or NAME=@FILE")
    return name.strip(), text


lock_wait_option = click.option(
    "--lock-wait",
    metavar="DURATION",
    type=duration,
    default="10m",
    show_default=True,
    help="How long to wait for another operation on the same environment.",
)


parameter_option = click.option(
    "--param",
    "parameters",
    multiple=True,
    type=pair,
    metavar="NAME=VALUE",
    allow_from_autoenv=False,
    help="A parameter of the blueprint. NAME=@FILE reads it from a file, so secrets stay off the command "
    "line; NAME=@@TEXT is a value that begins with @; the variable CIPROV_PARAM_<NAME> does as well. Repeatable.",
)


def lasting_options(command: Command) -> Command:
    """Parameters, time-out, time to live, and whose it is: what a copy may be given as well."""
    options = [
        parameter_option,
        click.option("--timeout", metavar="DURATION", type=duration, help="How long to wait for each app, such as 5m."),
        click.option(
            "--ttl",
            metavar="DURATION",
            type=lifetime,
            help="How long it is meant to live, such as 8h; 0 or never: for ever.",
        ),
        click.option("--owner", envvar="CIPROV_OWNER", help="Whose it is; else the user who calls ciprov."),
        click.option("--team", help="The team that it counts for; else the recorded one, or the setting `team`."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def request_options(command: Command) -> Command:
    options = [
        click.argument("name"),
        click.option("-b", "--blueprint", metavar="FILE", help="The blueprint. Without it: the recorded one."),
        click.option("--kind", metavar="KIND", help="One of the blueprint's kinds; '' for none."),
        lasting_options,
    ]
    for option in reversed(options):
        command = option(command)
    return command


def asked_for(slug: str, name: str, options: Mapping[str, Any]) -> Asked:
    """From `lasting_options`, with `kind` and `blueprint` where the command has these options too."""
    return Asked(
        name=slug,
        given=name,
        blueprint_file=options.get("blueprint"),
        kind=options.get("kind"),
        parameters=dict(options["parameters"]),
        environment={key: value for key, value in os.environ.items() if key.startswith(VARIABLE_PREFIX)},
        timeout=options["timeout"],
        ttl=options["ttl"],
        owner=(options["owner"] or "").strip(),
        team=(options["team"] or "").strip(),
    )


def prepared(records: Records, name: str, options: Mapping[str, Any]) -> tuple[str, Prepared]:
    """The environment's name and its blueprint, found good, from what `request_options` gave; nothing was started."""
    slug, record = records.named(name)
    return slug, prepare(records, asked_for(slug, name, options), record)


def tell_findings(findings: Iterable[Finding]) -> None:
    """Warnings and notes on the blueprint, on stderr."""
    for finding in findings:
        (note if finding.severity is Severity.NOTE else warn)(str(finding))
