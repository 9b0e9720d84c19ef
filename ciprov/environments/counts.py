"""How many instances an app shall have: the blueprint, the last `up` and the live count, merged three-way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RecordedCounts:
    """What the record remembers per absolute app id: `base` of the last `up`, `pending` of one that did not end."""

    base: Mapping[str, int]
    pending: Mapping[str, int]


NOTHING_RECORDED = RecordedCounts({}, {})


@dataclass(frozen=True, slots=True)
class Count:
    instances: int
    reason: str


def target_count(app_id: str, blueprint: int, live: int | None, recorded: RecordedCounts) -> Count:
    """`live` is None where the app does not exist.

    The blueprint wins where it changed since the last `up` (and where nothing is known of a last one); otherwise the
    live count, so that an autoscaler or a hand that scaled is respected. A live 0 or an absent app can be what a
    crashed operation left between stop and start: then the count it wanted to reach wins.
    """
    base = recorded.base.get(app_id)
    pending = recorded.pending.get(app_id)
    if base is None or blueprint != base:
        return Count(blueprint, "as the blueprint says")
    if pending is not None and not live:
        return Count(pending, "as the interrupted operation wanted")
    if live is None:
        return Count(blueprint, "as the blueprint says")
    return Count(live, "as it is live: the blueprint's count did not change" if live != blueprint else "unchanged")
