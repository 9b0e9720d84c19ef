"""The decision: which request goes onto which agent, and what every offer is answered with. Pure.

1. Offers are joined by agent and role.
2. Requests take turns (`fairness`); the algorithm that a request names gives agents in its order of preference
   (`placement`), and the first that may be used is taken (`admission`).
3. For a request that fails, it is counted why (`failures`); one that waited long gets an agent held (`holding`).
4. Every offer is answered, with the tasks placed on it or with a reason (`answering`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ciprov.framework.admission import Admission
from ciprov.framework.answering import Outlook, declines, launches
from ciprov.framework.asks import Ask, Kind, asks
from ciprov.framework.capacities import Capacities
from ciprov.framework.constraints import Crowd
from ciprov.framework.decisions import Decisions, Funnel, Held, Refusal
from ciprov.framework.failures import Failure, Failures
from ciprov.framework.fairness import Shares, turns
from ciprov.framework.fleet import Fleet
from ciprov.framework.funnels import funnel
from ciprov.framework.holding import Holding
from ciprov.framework.joined_offers import JoinedOffers, join
from ciprov.framework.known_agents import learn
from ciprov.framework.offers import Offer
from ciprov.framework.placement import ALGORITHMS
from ciprov.framework.requests import Request
from ciprov.framework.resources import NOTHING, Amounts
from ciprov.framework.state import KnownAgent, Memory, State


def decide(requests: Iterable[Request], offers: Iterable[Offer], state: State, now: datetime) -> Decisions:
    """`requests` are all that wait, `offers` all that are at hand; each offer is answered, in whatever order they come.

    A request with a task in `state.placed` is not placed again. The same arguments give the same decisions.
    """
    policy = state.policy
    joined = join({offer.id: offer for offer in offers}.values(), now)
    agents = learn(state.memory.agents, joined, state.used(), now)
    for one in joined:
        # Its other offers may have told of a maintenance, and gpus that are in use are not offered.
        one.maintenance, one.has_gpus = agents[one.agent_id].maintenance, agents[one.agent_id].has_gpus
    maintenances = sorted({agent.maintenance for agent in agents.values() if agent.maintenance})
    task_of = {task.request_id: task.task_id for task in state.placed}
    wanted = list({request.id: request for request in reversed(list(requests))}.values())
    waiting = asks([request for request in wanted if request.id not in task_of], maintenances, policy, now)
    holding = Holding(state.memory.holds, waiting, policy, now)
    crowd = Crowd(state.placed)
    admission = Admission(maintenances, policy, holding.holds, crowd)
    fleet = Fleet(joined, state.placed, _least(waiting))
    search = _Search(fleet, admission, crowd, holding, Capacities(tuple(agents.values()), admission))
    shares = Shares(state.placed, _total(agents), policy.weights)
    held: list[Held] = []
    for ask in turns(waiting, shares, policy):
        refused = search.place(ask)
        if refused is None:
            shares.add(ask.request.label, ask.amounts)
        else:
            held.append(refused)
    outlook = Outlook(
        waiting=bool(held),
        roles=frozenset(role for ask in waiting for role in ask.request.roles),
        holds={agent_id: hold for agent_id, (hold, _) in holding.holds.items()},
        released=holding.released,
        policy=policy,
    )
    twice = [
        Held(request.id, f"it has a task already: {task_of[request.id]}") for request in wanted if request.id in task_of
    ]
    return Decisions(
        launches=launches(joined, outlook),
        declines=declines(joined, outlook),
        held=(*held, *twice),
        memory=Memory(agents, holding.remembered()),
    )


class _Search:
    """Finds places for one request after the other."""

    def __init__(
        self, fleet: Fleet, admission: Admission, crowd: Crowd, holding: Holding, capacities: Capacities
    ) -> None:
        self._fleet, self._admission, self._crowd = fleet, admission, crowd
        self._holding, self._capacities = holding, capacities
        self._failures = Failures(crowd)
        self._standing: dict[Kind, list[Refusal | None]] = {}

    def place(self, ask: Ask) -> Held | None:
        """Place it, or tell why it has to wait."""
        held_agent = self._holding.agent_for(ask.request.id)
        known = None if held_agent else self._failures.known(ask)
        if known is None:
            one = self._find(ask)
            if one is not None:
                self._fleet.take(one, ask)
                self._crowd.add(ask.request.label, one.hostname, one.attributes)
                if self._holding.release(ask.request.id):
                    self._admission.release(held_agent)
                return None
        failure = known or self._failures.add(ask, self._why(ask))
        never = self._capacities.never(ask)
        if not never and self._worth_holding(ask):
            free: dict[str, Amounts] = {}
            for one in self._fleet.joined:
                free[one.agent_id] = free.get(one.agent_id, NOTHING).plus(one.free)
            held_agent = self._holding.hold(ask, self._capacities.large_enough(ask), free, self._admission)
        return _held(ask, failure, held_agent, never=never)

    def _find(self, ask: Ask) -> JoinedOffers | None:
        standing = self._standing_of(ask.kind)
        for one in ALGORITHMS[ask.request.algorithm](ask, self._fleet):
            if standing[one.index] is None and one.fits(ask) and self._admission.passing(ask, one) is None:
                return one
        return None

    def _why(self, ask: Ask) -> Funnel:
        return funnel(ask, self._fleet.joined, self._standing_of(ask.kind), self._admission)

    def _standing_of(self, kind: Kind) -> list[Refusal | None]:
        """By index of the agent."""
        if kind not in self._standing:
            self._standing[kind] = [self._admission.standing(kind, one) for one in self._fleet.joined]
        return self._standing[kind]

    def _worth_holding(self, ask: Ask) -> bool:
        """Nothing passes a request than which nothing is smaller."""
        return self._holding.entitled(ask, len(self._capacities.agents)) and not self._fleet.least.covers(ask.amounts)


def _held(ask: Ask, failure: Failure, held_agent: str, *, never: bool) -> Held:
    # Where nothing was offered, no request failed for another's reason.
    other = "" if failure.request_id == ask.request.id or not failure.funnel.refused else failure.request_id
    reason = f"it asks no less than {other}, and {failure.funnel}" if other else str(failure.funnel)
    if never:
        reason = f"no agent seen so far is large enough for {ask.request.wanted}, or meets its constraints: {reason}"
    if held_agent:
        reason = f"{reason}; agent {held_agent} is held for it"
    return Held(ask.request.id, reason, failure.funnel, other, never, held_agent)


def _least(waiting: Iterable[Ask]) -> Amounts:
    columns = list(zip(*(ask.amounts for ask in waiting), strict=True))
    return Amounts(*map(min, columns)) if columns else NOTHING


def _total(agents: dict[str, KnownAgent]) -> Amounts:
    columns = list(zip(*(agent.capacity for agent in agents.values()), strict=True))
    return Amounts(*map(sum, columns)) if columns else NOTHING
