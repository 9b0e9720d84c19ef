"""Which waiting items the agents at hand can serve: as many as possible, the first ones first. And which agents are
left over: of those that may be, the last ones.

Items that ask the same, and places that no item can tell apart, are counted together, so that a thousand of each are as
quick as one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ciprov.agents.queue.labels import Expression, holds, names


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


@dataclass(frozen=True, slots=True)
class Matched:
    """`served` tells for each wish whether a place is left for it; `unused` are the indices of places left over."""

    served: tuple[bool, ...]
    unused: frozenset[int]


def matched(wishes: Sequence[Wish], places: Sequence[Place]) -> Matched:
    """The more wishes are served the better; then the earlier ones. Then earlier places are used before later ones.

    Which places are used does not change which wishes are served, nor the other way round.
    """
    mentioned: frozenset[str] = frozenset().union(*(names(w.expression) for w in wishes if w.expression is not None))
    numbers: dict[Place, int] = {}
    group_of = [
        numbers.setdefault(Place(place.labels & mentioned, place.exclusive, place.foreign), len(numbers))
        for place in places
    ]
    matching = _Matching(wishes, list(numbers), group_of)
    served = tuple([matching.serve((wish.key, wish.own_only)) for wish in wishes])
    unused = frozenset(index for index in reversed(range(len(places))) if matching.spare(group_of[index]))
    return Matched(served, unused)


_Key = tuple[str, bool]


@dataclass(slots=True)
class _Group:
    """Places that are alike, and by which wishes they are taken."""

    free: int = 0
    taken_by: dict[_Key, int] = field(default_factory=dict)


class _Matching:
    """Groups go by their number: the index of the place in `alike` that all its places are like."""

    def __init__(self, wishes: Sequence[Wish], alike: Sequence[Place], group_of: Iterable[int]) -> None:
        self._alike = alike
        self._groups = [_Group() for _ in alike]
        for number in group_of:
            self._groups[number].free += 1
        self._own = [number for number, place in enumerate(alike) if not place.foreign]
        self._by_label: dict[str, list[int]] = {}
        for number, place in enumerate(alike):
            for label in place.labels:
                self._by_label.setdefault(label, []).append(number)
        kinds = {(wish.key, wish.own_only): wish for wish in wishes}
        self._fitting = {key: self._fits(wish) for key, wish in kinds.items()}
        self._in_vain: set[_Key] = set()
        self._kept: set[int] = set()

    def _fits(self, wish: Wish) -> list[int]:
        open_ones = self._own if wish.own_only else range(len(self._alike))
        if wish.expression is None:
            return [number for number in open_ones if not self._alike[number].exclusive]
        pools = (self._by_label.get(label, ()) for label in sorted(names(wish.expression)))
        with_any = dict.fromkeys(number for pool in pools for number in pool)
        fitting = [number for number in with_any if wish.fits(self._alike[number])]
        if holds(wish.expression, ()):
            # It holds wherever none of its names is.
            fitting += [number for number in open_ones if number not in with_any]
        return fitting

    def serve(self, wish: _Key) -> bool:
        """Takes a place, moving others to where they fit as well, which never leaves one of them without."""
        if wish in self._in_vain:
            return False
        if self._take(wish, -1)[0]:
            return True
        # What could not be served once cannot be served later on: places only fill up.
        self._in_vain.add(wish)
        return False

    def spare(self, number: int) -> bool:
        """Takes one place of the group away where all that are served still find another one. Ask for the least wanted
        places first: then what is left in the end is the best that can be had.
        """
        group = self._groups[number]
        if group.free:
            group.free -= 1
            return True
        if number in self._kept:
            return False
        reached = {number}
        for holder in list(group.taken_by):
            moved, seen = self._take(holder, number)
            if moved:
                self._leave(number, holder)
                return True
            reached |= seen
        # From none of these leads a way to a free place, and none will: ways to free places never pass here.
        self._kept |= reached
        return False

    def _take(self, wish: _Key, never: int) -> tuple[bool, set[int]]:
        """Find a place for one more wish of this kind, anywhere but at `never`. Gives the groups looked at, too."""
        came_from: dict[int, tuple[_Key, int]] = {}
        todo: deque[tuple[_Key, int]] = deque([(wish, -1)])
        asked = {wish}
        while todo:
            asking, leaving = todo.popleft()
            for number in self._fitting[asking]:
                if number in came_from or number == never:
                    continue
                came_from[number] = (asking, leaving)
                group = self._groups[number]
                if group.free:
                    group.free -= 1
                    self._move_up(number, came_from)
                    return True, set()
                for holder in group.taken_by:
                    if holder not in asked:
                        asked.add(holder)
                        todo.append((holder, number))
        return False, set(came_from)

    def _move_up(self, last: int, came_from: Mapping[int, tuple[_Key, int]]) -> None:
        number = last
        while number >= 0:
            asking, leaving = came_from[number]
            taken = self._groups[number].taken_by
            taken[asking] = taken.get(asking, 0) + 1
            if leaving >= 0:
                self._leave(leaving, asking)
            number = leaving

    def _leave(self, number: int, holder: _Key) -> None:
        taken = self._groups[number].taken_by
        taken[holder] -= 1
        if not taken[holder]:
            del taken[holder]
