"""When Mesos is asked for offers: SUPPRESS while nothing waits, REVIVE as soon as something new does.

REVIVE also clears the filters of declined offers, so these may be long.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

REVIVE_EVERY_S = 0.5
"""While new requests come in all the time, each of which might fit an offer that was declined."""


@dataclass(frozen=True, slots=True)
class Suppress:
    roles: tuple[str, ...]

    def __str__(self) -> str:
        return f"suppress {', '.join(self.roles)}: nothing waits"


@dataclass(frozen=True, slots=True)
class Revive:
    roles: tuple[str, ...]

    def __str__(self) -> str:
        return f"revive {', '.join(self.roles)}"


@dataclass(frozen=True, slots=True)
class Told:
    """What Mesos was told last for one role, and which requests waited then."""

    suppressed: bool = False
    wanting: frozenset[str] = frozenset()
    revived_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Attention:
    """By role, for every role of the framework."""

    told: Mapping[str, Told] = field(default_factory=dict)


def registered(roles: Iterable[str]) -> Attention:
    """After each registration: offers come, and no filter is left."""
    return Attention({role: Told() for role in roles})


def attend(
    attention: Attention, wanted: Mapping[str, frozenset[str]], now: datetime
) -> tuple[Attention, tuple[Suppress | Revive, ...]]:
    """What to tell Mesos now. To be asked again after `REVIVE_EVERY_S` while something waits."""
    told = dict(attention.told)
    suppress, revive = [], []
    for role, before in sorted(attention.told.items()):
        ids = wanted.get(role, frozenset())
        early = before.revived_at is not None and now < before.revived_at + timedelta(seconds=REVIVE_EVERY_S)
        if not ids:
            if not before.suppressed:
                suppress.append(role)
            told[role] = Told(suppressed=True, revived_at=before.revived_at)
        elif before.suppressed or (ids - before.wanting and not early):
            revive.append(role)
            told[role] = Told(wanting=ids, revived_at=now)
        else:
            told[role] = Told(wanting=before.wanting & ids, revived_at=before.revived_at)
    calls: list[Suppress | Revive] = []
    if suppress:
        calls.append(Suppress(tuple(suppress)))
    if revive:
        calls.append(Revive(tuple(revive)))
    return Attention(told), tuple(calls)
