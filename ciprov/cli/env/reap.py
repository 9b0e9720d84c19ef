"""`ciprov env reap`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click

from ciprov.cli.env.documents import moment
from ciprov.cli.env.request import duration
from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.cli.output import Result, emit, output_option, table, warn
from ciprov.cli.progress import shown
from ciprov.environments.hooks.records import HookChoice
from ciprov.environments.lifetime.reaper import Orders, Outcome, Reaped, Reaping
from ciprov.environments.lifetime.reaping import Policy
from ciprov.foundation.clock import utc_now
from ciprov.foundation.errors import CiprovError
from ciprov.wiring.environments import is_untouched
from ciprov.wiring.git import look_up_branches

_SPANS = ("grace", "idle", "failed_after")


@click.command()
@click.option("--grace", metavar="DURATION", type=duration, help="Wait so long after an expiry or a branch's end.")
@click.option("--idle", metavar="DURATION", type=duration, help="Remove what was not used for so long; 0: never.")
@click.option(
    "--failed-after",
    metavar="DURATION",
    type=duration,
    help="Remove what failed so long ago; 0: never.",
)
@click.option(
    "--git-remote",
    "git_remotes",
    metavar="URL",
    multiple=True,
    help="Remove environments whose branch is not in this repository any more. Repeatable.",
)
@click.option("--protect", metavar="NAME", multiple=True, help="Never remove these too; a glob. Repeatable.")
@click.option("--protect-kind", metavar="KIND", multiple=True, help="Never remove this kind either. Repeatable.")
@click.option("--max-share", metavar="PERCENT", type=click.IntRange(0, 100), help="At most so many of all at once.")
@click.option("--max-count", metavar="N", type=click.IntRange(0), help="At most so many at once.")
@click.option("--skip-hooks", is_flag=True, help="Run no hook before a removal.")
@click.option("--force", is_flag=True, help="Remove more at once than these limits allow.")
@click.option("--dry-run", is_flag=True, help="Only show what would be done; exit code 2 where that is anything.")
@output_option
@pass_invocation
@click.pass_context
def reap(ctx: click.Context, invocation: Invocation, /, output: str, **options: Any) -> None:
    """Remove environments that nobody needs any more: expired, failed or cut short, idle, or without their branch.

    What is pinned, protected or at work stays. Where the clock, Marathon or git give reason for doubt, nothing is
    removed on that ground, and the exit code is 1. What the options do not say comes from the settings.

    \b
    Examples:
      ciprov env reap --dry-run
      ciprov env reap --git-remote https://git.example.org/shop.git --idle 5d --protect 'demo-*'
      ciprov env reap -o json > reaped.json
    """
    if is_untouched(invocation.settings, invocation.records):
        nothing = Reaping(utc_now(), ())
        emit(_result(nothing, invocation.records.cluster.name, dry_run=options["dry_run"]), output)
        return
    branches = look_up_branches(options["git_remotes"])
    environments = invocation.environments if options["dry_run"] else invocation.writing()
    orders = Orders(
        policy=_policy(environments.cluster.reap, options),
        branches=branches,
        force=options["force"],
        dry_run=options["dry_run"],
        hooks=HookChoice(skip=options["skip_hooks"]),
    )
    with shown() as report:
        found = environments.service.reap(orders, report)
    for doubt in found.doubts:
        warn(f"no environment is removed for a missing branch there: {doubt}")
    emit(_result(found, environments.cluster.name, dry_run=options["dry_run"]), output)
    if found.refused:
        raise CiprovError(f"nothing was removed: {found.refused}", way_out=_way_out(found))
    if failed := found.of(Outcome.FAILED):
        raise CiprovError(f"{len(failed)} of {len(found.environments)} environments could not be removed; see above")
    ctx.exit(found.exit_code)


def _policy(settings: Policy, options: dict[str, Any]) -> Policy:
    """Options override settings; what is protected is added to what the settings protect."""
    said = {key: options[key] for key in (*_SPANS, "max_share", "max_count") if options[key] is not None}
    return replace(
        settings,
        **said,
        protected_names=(*settings.protected_names, *options["protect"]),
        protected_kinds=(*settings.protected_kinds, *options["protect_kind"]),
    )


def _way_out(found: Reaping) -> str:
    if found.of(Outcome.REFUSED) and "may go at once" in found.refused:
        return "look at the list, and raise --max-share or --max-count, or use --force, if that is meant"
    return "put that right and repeat the command"


def _result(found: Reaping, cluster: str, *, dry_run: bool) -> Result:
    document = {
        "cluster": cluster,
        "at": moment(found.at),
        "dry_run": dry_run,
        "refused": found.refused,
        "doubts": list(found.doubts),
        "counts": {outcome.value: len(found.of(outcome)) for outcome in Outcome},
        "environments": [_document(one) for one in found.environments],
    }
    variables = {
        "CIPROV_CLUSTER_NAME": cluster,
        "CIPROV_REAPED": ",".join(_names(found.of(Outcome.REMOVED))),
        "CIPROV_TO_REAP": ",".join(_names(found.of(Outcome.WOULD_BE_REMOVED))),
    }
    rows = [(one.record.name, one.outcome.value, one.verdict.cause.value, _told(one)) for one in found.environments]
    text = table(("NAME", "OUTCOME", "CAUSE", "WHY"), rows) if rows else f"no environments on {cluster}"
    return Result(document, text, variables)


def _document(one: Reaped) -> dict[str, Any]:
    return {
        "name": one.record.name,
        "group": one.record.group_path,
        "kind": one.record.kind,
        "owner": one.record.owner,
        "verdict": "remove" if one.verdict.remove else "keep",
        "cause": one.verdict.cause.value,
        "reason": one.verdict.reason,
        "since": moment(one.verdict.since),
        "outcome": one.outcome.value,
        "error": one.error,
    }


def _told(one: Reaped) -> str:
    return f"{one.verdict.reason}; {one.error.splitlines()[0]}" if one.error else one.verdict.reason


def _names(found: Sequence[Reaped]) -> list[str]:
    return [one.record.name for one in found]
