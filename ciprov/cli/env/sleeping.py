"""`ciprov env sleep` and `wake`."""

from __future__ import annotations

import click

from ciprov.cli.env.documents import record_document
from ciprov.cli.env.request import duration, lock_wait_option
from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.cli.output import Result, emit, output_option
from ciprov.cli.progress import shown
from ciprov.environments.lifetime.sleeping import Rest
from ciprov.environments.tree import relative


@click.command()
@click.argument("name")
@lock_wait_option
@output_option
@pass_invocation
def sleep(invocation: Invocation, *, name: str, lock_wait: int, output: str) -> None:
    """Stop all tasks of environment NAME, apps before what they depend on, and remember how many of each there were.

    Definitions, service ports and persistent volumes stay. `wake` or `up` start them again.

    \b
    Example:
      ciprov env sleep feature-x
    """
    environments = invocation.writing()
    slug, _ = environments.named(name)
    with shown() as report:
        rest = environments.service.sleep(slug, float(lock_wait), report)
    _emit(rest, "asleep" if rest.changed else "asleep already", output)


@click.command()
@click.argument("name")
@click.option("--timeout", metavar="DURATION", type=duration, help="How long to wait for each app, such as 5m.")
@lock_wait_option
@output_option
@pass_invocation
def wake(invocation: Invocation, *, name: str, timeout: int | None, lock_wait: int, output: str) -> None:
    """Start environment NAME again as it was before it was put to sleep, and wait until every app is healthy.

    It needs no blueprint, no parameter and no secret: the definitions are still there.

    \b
    Example:
      ciprov env wake feature-x
    """
    environments = invocation.writing()
    slug, _ = environments.named(name)
    with shown() as report:
        rest = environments.service.wake(slug, float(lock_wait), timeout, report)
    _emit(rest, "awake" if rest.changed else "awake already", output)


def _emit(rest: Rest, state: str, output: str) -> None:
    record = rest.record
    counts = {relative(app_id, record.group_path): count for app_id, count in sorted(rest.counts.items())}
    told = ", ".join(f"{app} {count}" for app, count in counts.items())
    document = {**record_document(record), "changed": rest.changed, "counts": counts}
    variables = {
        "CIPROV_CLUSTER_NAME": record.cluster,
        "CIPROV_ENV_NAME": record.name,
        "CIPROV_ENV_PHASE": record.phase.value,
    }
    emit(Result(document, f"environment {record.name} is {state}: {told}", variables), output)
