"""`ciprov env history`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from ciprov.cli.env.documents import history_document
from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.cli.output import Result, emit, output_option, table
from ciprov.domain.environment import HistoryEntry
from ciprov.environments.events.happening import first_line, seconds_taken
from ciprov.environments.status import NoSuchEnvironment


@click.command()
@click.argument("name")
@click.option("-n", "--last", type=click.IntRange(1, 200), default=50, show_default=True, help="How many at most.")
@output_option
@pass_invocation
def history(invocation: Invocation, *, name: str, last: int, output: str) -> None:
    """Show what was done to environment NAME, the newest last: by whom, when, how it ended and how long it took.

    Also of environments that are gone, up to 200 operations of each. No cluster is asked.

    \b
    Examples:
      ciprov env history feature-x
      ciprov env history feature-x -n 5 -o json
    """
    records = invocation.records
    slug, record = records.named(name)
    entries = records.store.history(records.cluster.name, slug, last)
    if not entries and record is None:
        raise NoSuchEnvironment(
            f"nothing was ever recorded of environment {slug}",
            place=records.cluster.name,
            way_out="`ciprov env list` shows those that are there, `ciprov env events` what was done to others",
        )
    states = _states(entries, records.is_locked(slug))
    documents = [_document(entry, state) for entry, state in zip(entries, states, strict=True)][::-1]
    rows = [
        (one["at"], _took(one["seconds"]), one["operation"], one["who"], _outcome(one), first_line(one["summary"]))
        for one in documents
    ]
    text = table(("AT", "TOOK", "OPERATION", "WHO", "OUTCOME", "SUMMARY"), rows)
    document = {
        "cluster": records.cluster.name,
        "environment": slug,
        "recorded": record is not None,
        "history": documents,
    }
    variables = {"CIPROV_CLUSTER_NAME": records.cluster.name, "CIPROV_ENV_NAME": slug}
    emit(Result(document, text, variables), output)


def _states(entries: Sequence[HistoryEntry], locked: bool) -> list[str]:
    """Of `entries`, newest first: whoever holds the lock is at the newest that has not ended."""
    states, at_work = [], locked
    for entry in entries:
        if entry.ended_at is not None:
            states.append("ended")
            continue
        states.append("under way" if at_work else "cut short")
        at_work = False
    return states


def _document(entry: HistoryEntry, state: str) -> dict[str, Any]:
    return {**history_document(entry), "seconds": seconds_taken(entry), "state": state}


def _took(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f} s"


def _outcome(document: dict[str, Any]) -> str:
    return first_line(document["outcome"]) if document["state"] == "ended" else str(document["state"])
