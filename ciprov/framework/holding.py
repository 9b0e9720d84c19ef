"""Agents held for requests that waited long, so that a large old one is not passed by small new ones for ever.

A held agent takes nothing but what it is held for and what goes before that, until enough of it is free. A hold ends
when its request is placed or gone, or after a time; then its request gets no other one for as long again. So an agent
that never becomes free enough is not lost to the others for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from ciprov.framework.admission import Admission
from ciprov.framework.asks import Ask
from ciprov.framework.resources import NOTHING, Amounts
from ciprov.framework.state import Hold, KnownAgent, Policy


class Holding:
    """The holds of one decision: those from before that still count, and new ones."""

    def __init__(self, holds: Iterable[Hold], asks: Iterable[Ask], policy: Policy, now: datetime) -> None:
        self._policy, self._now = policy, now
        lasting = timedelta(seconds=policy.hold_for)
        waiting = {ask.request.id: ask for ask in asks}
        kept = [hold for hold in holds if hold.request_id in waiting and now < hold.since + 2 * lasting]
        self.holds = {
            hold.agent_id: (hold, waiting[hold.request_id].turn) for hold in kept if now < hold.since + lasting
        }
        self._resting = [hold for hold in kept if now >= hold.since + lasting]
        self._agent_of = {hold.request_id: hold.agent_id for hold, _ in self.holds.values()}
        self._had = frozenset(hold.request_id for hold in self._resting)
        self.released: set[str] = set()
        """Agents that are held no more since a moment ago: what was refused for that fits now."""

    def agent_for(self, request_id: str) -> str:
        """The agent held for a request; empty where there is none."""
        return self._agent_of.get(request_id, "")

    def release(self, request_id: str) -> str:
        """The request is placed. Gives the agent that was held for it, or nothing."""
        agent_id = self._agent_of.pop(request_id, "")
        if self.holds.pop(agent_id, None):
            self.released.add(agent_id)
        return agent_id

    def entitled(self, ask: Ask, known: int) -> bool:
        """Whether an agent may be held for `ask`, of so many `known` ones."""
        most = max(1, int(known * self._policy.held_share))
        return (
            ask.age >= self._policy.hold_after
            and len(self.holds) < most
            and ask.request.id not in self._agent_of
            and ask.request.id not in self._had
        )

    def hold(
        self, ask: Ask, large_enough: Iterable[KnownAgent], free: Mapping[str, Amounts], admission: Admission
    ) -> str:
        """Hold the agent of which the least is missing: its id, or nothing where there is none to hold.

        Of equals the one seen last: one that has offered nothing for long may be gone.
        """
        fitting = [agent for agent in large_enough if agent.id not in self.holds and not admission.crowded(ask, agent)]
        if not fitting:
            return ""

        def order(agent: KnownAgent) -> tuple[float, timedelta, Amounts, str]:
            missing = _missing(ask, free.get(agent.id, NOTHING))
            return missing, self._now - agent.seen_at, agent.capacity, agent.id

        best = min(fitting, key=order)
        hold = Hold(best.id, ask.request.id, self._now)
        self.holds[best.id] = hold, ask.turn
        self._agent_of[ask.request.id] = best.id
        admission.hold(hold, ask.turn)
        return best.id

    def remembered(self) -> tuple[Hold, ...]:
        current = (hold for hold, _ in self.holds.values())
        return tuple(sorted((*current, *self._resting), key=lambda hold: (hold.since, hold.request_id)))


def _missing(ask: Ask, free: Amounts) -> float:
    """The largest share of what is wanted that is not free, between 0 and 1."""
    return max(max(0.0, (want - has) / want) if want else 0.0 for want, has in zip(ask.amounts, free, strict=True))
