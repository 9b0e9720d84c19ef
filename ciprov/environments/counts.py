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
    """`remark` tells where a live count stays against the blueprint's, or gives way to it; else it is empty."""

    instances: int
    reason: str
    remark: str = ""


def target_count(app_id: str, blueprint: int, live: int | None, recorded: RecordedCounts) -> Count:
    """`live` is None where the app does not exist.

    The blueprint wins where it changed since the last `up` (and where nothing is known of a last one); otherwise the
    live count, so that an autoscaler or a hand that scaled is respected. A live 0 or an absent app can be what a
    crashed operation left between stop and start: then the count it wanted to reach wins.
    """
    base = recorded.base.get(app_id)
    pending = recorded.pending.get(app_id)
    if base is None or blueprint != base:
        by_hand = live not in (None, blueprint, base, pending) and not (pending is not None and live == 0)
        remark = f"the live {live} gives way to the blueprint's {blueprint}" if by_hand else ""
        return Count(blueprint, "as the blueprint says", remark)
    if pending is not None and not live:
        return Count(pending, "as it was to be before it was stopped")
    if live is None:
        return Count(blueprint, "as the blueprint says")
    if live == blueprint:
        return Count(live, "unchanged")
    said = f"{live} {'instance' if live == 1 else 'instances'} as {'it is' if live == 1 else 'they are'} live"
    return Count(live, "as it is live", f"{said}, the blueprint says {blueprint}")
