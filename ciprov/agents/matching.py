"""Which waiting items the agents at hand can serve: as many as possible, the first ones first.

Items that ask the same, and places that no item can tell apart, are counted together, so that a thousand of each are as
quick as one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ciprov.agents.labels import Expression, holds, names, required


@dataclass(frozen=True, slots=True)
class Place:
    """An idle executor, or one that is on its way. An `exclusive` one takes nothing without a label. A `foreign` one is
    not ours, so it may have reasons of its own for standing idle.
    """

    labels: frozenset[str]
    exclusive: bool
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """What one item needs. `key` is equal for equal wishes; `expression` is None where any place will do.
    `own_only` leaves out places that are not ours.
    """

    key: str
    expression: Expression | None
    own_only: bool = False

    def fits(self, place: Place) -> bool:
        if self.own_only and place.foreign:
            return False
        return not place.exclusive if self.expression is None else holds(self.expression, place.labels)


def served(wishes: Sequence[Wish], places: Sequence[Place]) -> list[bool]:
    """For each wish whether a place is left for it. The more wishes are served the better; then the earlier ones."""
    mentioned: frozenset[str] = frozenset().union(*(names(w.expression) for w in wishes if w.expression is not None))
    matching = _Matching(wishes, places, mentioned)
    return [matching.serve((wish.key, wish.own_only)) for wish in wishes]


_Key = tuple[str, bool]


@dataclass(slots=True)
class _Group:
    """Places that are alike, and by which wishes they are taken."""

    free: int = 0
    taken_by: dict[_Key, int] = field(default_factory=dict)


class _Matching:
    def __init__(self, wishes: Sequence[Wish], places: Sequence[Place], mentioned: frozenset[str]) -> None:
        self._groups: dict[Place, _Group] = {}
        for place in places:
            alike = Place(place.labels & mentioned, place.exclusive, place.foreign)
            self._groups.setdefault(alike, _Group()).free += 1
        by_label: dict[str, list[Place]] = {}
        for alike in self._groups:
            for label in alike.labels:
                by_label.setdefault(label, []).append(alike)
        kinds = {(wish.key, wish.own_only): wish for wish in wishes}
        self._fitting = {key: self._fits(wish, by_label) for key, wish in kinds.items()}
        self._in_vain: set[_Key] = set()

    def _fits(self, wish: Wish, by_label: Mapping[str, list[Place]]) -> list[Place]:
        needed = required(wish.expression) if wish.expression is not None else frozenset()
        pools = [by_label.get(label, []) for label in needed]
        return [place for place in (min(pools, key=len) if pools else self._groups) if wish.fits(place)]

    def serve(self, wish: _Key) -> bool:
        """Takes a place, moving others to where they fit as well, which never leaves one of them without."""
        if wish in self._in_vain:
            return False
        came_from: dict[Place, tuple[_Key, Place | None]] = {}
        todo: deque[tuple[_Key, Place | None]] = deque([(wish, None)])
        asked = {wish}
        while todo:
            asking, leaving = todo.popleft()
            for place in self._fitting[asking]:
                if place in came_from:
                    continue
                came_from[place] = (asking, leaving)
                group = self._groups[place]
                if group.free:
                    group.free -= 1
                    self._move_up(place, came_from)
                    return True
                for holder in group.taken_by:
                    if holder not in asked:
                        asked.add(holder)
                        todo.append((holder, place))
        # What could not be served once cannot be served later on: places only fill up.
        self._in_vain.add(wish)
        return False

    def _move_up(self, last: Place, came_from: Mapping[Place, tuple[_Key, Place | None]]) -> None:
        place: Place | None = last
        while place is not None:
            asking, leaving = came_from[place]
            taken = self._groups[place].taken_by
            taken[asking] = taken.get(asking, 0) + 1
            if leaving is not None:
                left = self._groups[leaving].taken_by
                left[asking] -= 1
                if not left[asking]:
                    del left[asking]
            place = leaving
