"""`ciprov env gc`."""

from __future__ import annotations

from typing import Any

import click

from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.cli.output import Result, emit, note, output_option, table, warn
from ciprov.cli.progress import shown
from ciprov.environments.upkeep.collecting import Collected, Collection, CollectOrders, Fate
from ciprov.environments.upkeep.finding import ALL
from ciprov.environments.upkeep.orphans import Sort
from ciprov.environments.upkeep.seeing import Scope
from ciprov.foundation.errors import CiprovError, UsageError
from ciprov.wiring.environments import is_untouched

_EXTERNAL = "external volumes cannot be known: look for them in the storage that keeps them"


def _sorts(_: click.Context, __: click.Parameter, value: str) -> tuple[Sort, ...]:
    named = [one.strip() for one in value.split(",") if one.strip()]
    if unknown := sorted(set(named) - set(Sort)):
        raise UsageError(
            f"{', '.join(unknown)}: there is no such kind of orphan",
            place="--only",
            way_out=f"name some of {', '.join(Sort)}, with commas between them",
        )
    return tuple(one for one in ALL if one in named) or ALL


@click.command()
@click.option("--remove", is_flag=True, help="Remove what is found; without it, it is only reported.")
@click.option(
    "--only", "sorts", metavar="KINDS", default="", callback=_sorts, help=f"Only these of: {', '.join(Sort)}."
)
@click.option(
    "--force", is_flag=True, help="Even where none of what runs is recorded, or none of what is recorded runs."
)
@output_option
@pass_invocation
@click.pass_context
def gc(
    ctx: click.Context, invocation: Invocation, /, *, remove: bool, sorts: tuple[Sort, ...], force: bool, output: str
) -> None:
    """Find apps, empty groups, tasks, records, locks and volumes that no environment owns any more.

    Without --remove nothing is written; the exit code is 2 where something would be removed. Apps without ciprov's
    label and whatever is outside the cluster's prefix are never removed, nor what an operation under way or cut short
    may want, save for the app of a hook that nobody waits for any more.
    External volumes cannot be known.

    \b
    Examples:
      ciprov env gc
      ciprov env gc --remove --only apps,groups,records
      ciprov env gc --remove -o json > collected.json
    """
    if is_untouched(invocation.settings, invocation.records):
        emit(Result({"cluster": invocation.records.cluster.name, "orphans": []}, "no orphans"), output)
        return
    environments = invocation.writing() if remove else invocation.environments
    scope = Scope(environments.cluster.prefix, bool(environments.cluster.mesos))
    with shown() as report:
        found = environments.service.collect(CollectOrders(scope, remove, sorts, force), report)
    for doubt in found.doubts:
        warn(doubt)
    for one in found.notes:
        note(one)
    emit(_result(found, environments.cluster.name, remove), output)
    if refused := found.of(Fate.REFUSED):
        raise CiprovError(
            f"{len(refused)} of {len(found.found)} are not to be removed: {refused[0].error}",
            way_out="see that `ciprov config show` names the right store and cluster; if it does, add --force",
        )
    if failed := found.of(Fate.FAILED):
        raise CiprovError(f"{len(failed)} of {len(found.found)} could not be removed; see above")
    ctx.exit(found.exit_code)


def _result(found: Collection, cluster: str, remove: bool) -> Result:
    document = {
        "cluster": cluster,
        "dry_run": not remove,
        "doubts": list(found.doubts),
        "notes": [*found.notes, _EXTERNAL],
        "busy": found.busy,
        "cut_short": list(found.cut_short),
        "counts": {fate.value: len(found.of(fate)) for fate in Fate},
        "orphans": [_document(one) for one in found.found],
    }
    variables = {
        "CIPROV_CLUSTER_NAME": cluster,
        "CIPROV_COLLECTED": str(len(found.of(Fate.REMOVED))),
        "CIPROV_TO_COLLECT": str(len(found.of(Fate.WOULD_BE_REMOVED))),
    }
    rows = [(one.orphan.sort.value, one.orphan.id, one.fate.value, _told(one)) for one in found.found]
    lines = [table(("KIND", "ID", "OUTCOME", "WHY"), rows) if rows else f"no orphans on {cluster}"]
    lines += [f"{name} is no orphan, but was cut short: `ciprov env resume {name}` goes on" for name in found.cut_short]
    lines += [f"{name} is left alone: {who} is at it" for name, who in sorted(found.busy.items())]
    return Result(document, "\n".join(lines), variables)


def _document(one: Collected) -> dict[str, Any]:
    orphan = one.orphan
    return {
        "kind": orphan.sort.value,
        "id": orphan.id,
        "environment": orphan.environment,
        "agent": orphan.agent_id,
        "why": orphan.why,
        "kept_because": orphan.keep,
        "way_out": orphan.way_out,
        "outcome": one.fate.value,
        "error": one.error,
    }


def _told(one: Collected) -> str:
    parts = [one.orphan.why, one.orphan.keep, one.error.splitlines()[0] if one.error else ""]
    if one.fate is not Fate.REMOVED:
        parts.append(one.orphan.way_out)
    return "; ".join(part for part in parts if part)
