"""`ciprov env resume`."""

from __future__ import annotations

import os
from typing import Any

import click

from ciprov.cli.env.request import lock_wait_option, parameter_option
from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.cli.output import Result, emit, output_option, warn
from ciprov.cli.progress import shown
from ciprov.domain.environment import EnvironmentRecord
from ciprov.environments.blueprint.parameters import VARIABLE_PREFIX
from ciprov.environments.outlook import Build
from ciprov.environments.results import Interrupted
from ciprov.environments.resuming import Resumed
from ciprov.foundation.errors import CiprovError, UsageError
from ciprov.wiring.building import again


@click.command()
@click.argument("names", metavar="[NAME...]", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All environments whose last operation was cut short.")
@parameter_option
@lock_wait_option
@output_option
@pass_invocation
def resume(invocation: Invocation, /, names: tuple[str, ...], everything: bool, output: str, **options: Any) -> None:
    """Go on with the operations on environments that were cut short: forward, or back where a rollback was under way.

    An `up` goes on with the recorded blueprint, kind and parameters. Secrets are never recorded: give them as for `up`.
    Where nothing was cut short, that is fine.

    \b
    Examples:
      ciprov env resume feature-x
      ciprov env resume feature-x --param db_password=@secret.txt
      ciprov env resume --all
    """
    if bool(names) == everything:
        raise UsageError("name environments, or all of them with --all")
    environments = invocation.writing()
    given = environments.service.interrupted() if everything else names
    variables = {key: value for key, value in os.environ.items() if key.startswith(VARIABLE_PREFIX)}

    def rebuild(record: EnvironmentRecord) -> Build:
        return again(environments, record, dict(options["parameters"]), variables).on(environments.cluster)

    done: list[Resumed] = []
    failures: list[tuple[str, CiprovError]] = []
    for one in given:
        try:
            slug, _ = environments.named(one)
            with shown() as report:
                done.append(environments.service.resume(slug, rebuild, float(options["lock_wait"]), report))
        except Interrupted:
            raise
        except CiprovError as error:
            failures.append((one, error))
            if len(given) > 1:
                warn(f"error: {error}")
    document = {
        "cluster": environments.cluster.name,
        "environments": [
            {"environment": one.name, "operation": one.operation or None, "outcome": one.outcome} for one in done
        ]
        + [{"environment": name, "error": error.message} for name, error in failures],
    }
    lines = [
        f"environment {one.name}: " + (f"{one.operation} went on: {one.outcome}" if one.operation else one.outcome)
        for one in done
    ]
    emit(Result(document, "\n".join(lines or ["nothing was cut short"] if not failures else lines)), output)
    if len(given) == 1 and failures:
        raise failures[0][1]
    if failures:
        raise CiprovError(f"{len(failures)} of {len(given)} environments could not be resumed; see above")
