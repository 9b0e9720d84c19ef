"""What failed in a decision, so that nothing is tried twice: what is free only shrinks, so what asks more fails too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ciprov.framework.asks import Ask, Kind, Turn
from ciprov.framework.constraints import Crowd
from ciprov.framework.decisions import Funnel, Lack
from ciprov.framework.requests import Operator
from ciprov.framework.resources import Amounts


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request failed, when its turn was, and how many tasks its label had then."""

    request_id: str
    amounts: Amounts
    ports: int
    funnel: Funnel
    label_size: int
    turn: Turn

    def binds(self, ask: Ask) -> bool:
        """Whether `ask` may use no agent that this one could not: what goes before a hold passes it."""
        return ask.turn <= self.turn or Lack.HELD not in self.funnel.refused


class _Exactly(NamedTuple):
    kind: Kind
    label: str
    amounts: Amounts
    ports: int
    fixed_ports: tuple[int, ...]


class Failures:
    """Requests that depend on other tasks or on single ports are compared exactly, all others by their amounts."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._by_kind: dict[Kind, list[Failure]] = {}
        self._exactly: dict[_Exactly, Failure] = {}

    def known(self, ask: Ask) -> Failure | None:
        """A failure from which it follows that `ask` fails, too."""
        if not _depends(ask):
            for failure in self._by_kind.get(ask.kind, ()):
                if ask.amounts.covers(failure.amounts) and ask.free_ports >= failure.ports and failure.binds(ask):
                    return failure
            return None
        found = self._exactly.get(_exactly(ask))
        if found is None or found.label_size == self._crowd.size(ask.request.label):
            return found
        # More tasks of the label may open a group for GROUP_BY; for the others they only fill up places.
        return None if any(c.operator is Operator.GROUP_BY for c in ask.crowding) else found

    def add(self, ask: Ask, funnel: Funnel) -> Failure:
        label_size = self._crowd.size(ask.request.label)
        failure = Failure(ask.request.id, ask.amounts, ask.free_ports, funnel, label_size, ask.turn)
        if _depends(ask):
            self._exactly[_exactly(ask)] = failure
        else:
            others = self._by_kind.get(ask.kind, ())
            self._by_kind[ask.kind] = [
                other for other in others if not (other.amounts.covers(ask.amounts) and other.ports >= ask.free_ports)
            ] + [failure]
        return failure


def _depends(ask: Ask) -> bool:
    return bool(ask.crowding or ask.fixed_ports)


def _exactly(ask: Ask) -> _Exactly:
    return _Exactly(ask.kind, ask.request.label, ask.amounts, ask.free_ports, ask.fixed_ports)
