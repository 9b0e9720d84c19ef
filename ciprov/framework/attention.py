"""When Mesos is asked for offers: SUPPRESS while nothing waits, REVIVE as soon as something new does.

What is asked for is seldom ready at that moment, and offers do not wait for it, so they are asked for once more when it
is. REVIVE also clears the filters of declined offers, so these may be long.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

REVIVE_EVERY_S = 0.5
"""While new requests come in all the time, each of which might fit an offer that was declined."""
READY_EVERY_S = 0.03
"""While requests become ready all the time: so long offers may be on their way."""


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
    """What Mesos was told last for one role, and which requests waited then. `ready`: those of them for which offers
    were asked for once they were ready.
    """

    suppressed: bool = False
    wanting: frozenset[str] = frozenset()
    revived_at: datetime | None = None
    ready: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Attention:
    """By role, for every role of the framework."""

    told: Mapping[str, Told] = field(default_factory=dict)


def registered(roles: Iterable[str]) -> Attention:
    """After each registration: offers come, and no filter is left."""
    return Attention({role: Told() for role in roles})


def attend(
    attention: Attention, wanted: Mapping[str, frozenset[str]], now: datetime, without_offer: Set[str] = frozenset()
) -> tuple[Attention, tuple[Suppress | Revive, ...]]:
    """What to tell Mesos now. To be asked again after `REVIVE_EVERY_S` while something waits.

    `without_offer`: requests that could be launched at once, if there were any offer at hand.
    """
    told = dict(attention.told)
    suppress, revive = [], []
    for role, before in sorted(attention.told.items()):
        ids = wanted.get(role, frozenset())
        late = ids & without_offer - before.ready
        comes = late and not _since(before, now, READY_EVERY_S)
        if not ids:
            if not before.suppressed:
                suppress.append(role)
            told[role] = Told(suppressed=True, revived_at=before.revived_at)
        elif before.suppressed or comes or (ids - before.wanting and not _since(before, now, REVIVE_EVERY_S)):
            revive.append(role)
            told[role] = Told(wanting=ids, revived_at=now, ready=before.ready & ids | late)
        else:
            told[role] = replace(before, wanting=before.wanting & ids, ready=before.ready & ids)
    calls: list[Suppress | Revive] = []
    if suppress:
        calls.append(Suppress(tuple(suppress)))
    if revive:
        calls.append(Revive(tuple(revive)))
    return Attention(told), tuple(calls)


def _since(told: Told, now: datetime, seconds: float) -> bool:
    """Whether it was revived less than so long ago."""
    return told.revived_at is not None and now < told.revived_at + timedelta(seconds=seconds)
