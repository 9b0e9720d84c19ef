"""`ciprov env down`."""

from __future__ import annotations

from typing import Any

import click

from ciprov.cli.env.request import lock_wait_option
from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.cli.output import Result, emit, output_option, warn
from ciprov.cli.progress import shown
from ciprov.environments.hooks.records import HookChoice
from ciprov.environments.results import DownOptions, DownResult, Interrupted
from ciprov.environments.status import NoSuchEnvironment
from ciprov.foundation.errors import CHANGES, OK, CiprovError
from ciprov.wiring.environments import Environments


@click.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@lock_wait_option
@click.option("--skip-hooks", is_flag=True, help="Run none of the blueprint's hooks.")
@click.option("--dry-run", is_flag=True, help="Only show what would be removed; exit code 2 where that is anything.")
@output_option
@pass_invocation
@click.pass_context
def down(ctx: click.Context, invocation: Invocation, /, names: tuple[str, ...], output: str, **options: Any) -> None:
    """Take environments away: apps stop before what they depend on, until no task is left and all ports are free.

    It works from the record, so no checkout of the branch is needed. Where nothing is left, that is fine. A hook of
    `before_down` that fails leaves the environment as it is.

    \b
    Examples:
      ciprov env down feature-x
      ciprov env down feature/ABC-12_x feature-y --dry-run
    """
    how = DownOptions(float(options["lock_wait"]), HookChoice(skip=options["skip_hooks"]))
    if options["dry_run"]:
        found = [_would_remove(invocation.environments, given, how) for given in names]
        emit(_result(found, invocation.environments.cluster.name, "would be removed"), output)
        ctx.exit(CHANGES if any(not one.nothing for one in found) else OK)
    environments = invocation.writing()
    done: list[DownResult] = []
    failures: list[CiprovError] = []
    for given in names:
        try:
            name, record = environments.named(given)
            path = record.group_path if record else environments.group_path(name)
            with shown() as report:
                done.append(environments.service.down(name, path, how, report))
        except Interrupted:
            raise
        except CiprovError as error:
            failures.append(error)
            if len(names) > 1:
                warn(f"error: {error}")
    emit(_result(done, environments.cluster.name, "removed"), output)
    if len(failures) == 1 and len(names) == 1:
        raise failures[0]
    if failures:
        raise CiprovError(f"{len(failures)} of {len(names)} environments could not be removed; see above")


def _would_remove(environments: Environments, given: str, how: DownOptions) -> DownResult:
    name, _ = environments.named(given)
    try:
        status = environments.service.status(name, environments.group_path(name))
    except NoSuchEnvironment:
        return DownResult(name, nothing=True)
    hooks = environments.service.hooks_before_down(name, how.hooks)
    return DownResult(name, tuple(app.app for app in status.apps), hooks=tuple(hook.name for hook in hooks))


def _result(found: list[DownResult], cluster: str, word: str) -> Result:
    environments: list[dict[str, Any]] = [
        {"environment": one.name, "nothing": one.nothing, "removed": list(one.removed), "hooks": list(one.hooks)}
        for one in found
    ]
    lines = [
        f"environment {one.name}: nothing was left"
        if one.nothing
        else f"environment {one.name} {word}{_listed(': ', one.removed)}{_listed('; hooks: ', one.hooks)}"
        for one in found
    ]
    variables = {
        "CIPROV_CLUSTER_NAME": cluster,
        "CIPROV_REMOVED": ",".join(one.name for one in found if not one.nothing),
    }
    return Result({"cluster": cluster, "environments": environments}, "\n".join(lines), variables)


def _listed(before: str, names: tuple[str, ...]) -> str:
    return before + ", ".join(names) if names else ""
