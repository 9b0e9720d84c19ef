"""The Mesos master beside the embedded Marathon: frameworks share its agents, its turns and its database.

    call, report, time ──▶ decide (accepting, offers, tasks) ──▶ settle ──▶ write ──▶ events, launches, kills

Everything happens within a turn of the engine. Marathon takes its share first; what is left then is offered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from ciprov.localcluster.engine.launching import Launching
from ciprov.localcluster.engine.outbox import Outbox
from ciprov.localcluster.engine.ports import Outside, Timer
from ciprov.localcluster.engine.state import State
from ciprov.localcluster.master.calls import BadCall, Call
from ciprov.localcluster.master.frameworks import Framework
from ciprov.localcluster.master.membership import Membership
from ciprov.localcluster.master.resources import NONE
from ciprov.localcluster.master.state import MasterState, Subscriber
from ciprov.localcluster.master.telling import Telling
from ciprov.localcluster.master.trading import Trading
from ciprov.localcluster.master.work import Work
from ciprov.localcluster.runtimes.port import TaskUpdate
from ciprov.localcluster.scheduling.agents import Ledger

T = TypeVar("T")
Body = Mapping[str, Any]

DONE, ACCEPTED = 200, 202
_ROUND_SECONDS = 0.02
"""So much later than due a wake-up comes, so that what ends together is one round of offers."""


class Turns(Protocol):
    """The engine, as far as its master needs it."""

    def turn(self, decide: Callable[[], T]) -> T:
        """One input: decide, settle, write, act. Raises Unavailable where the engine has failed."""
        ...

    def task_updated(self, update: TaskUpdate) -> None: ...


class Master:
    """`subscribe`, `disconnected` and `call` are for the API; the rest is for the engine, within its turns."""

    def __init__(self, state: State, outside: Outside, outbox: Outbox, launching: Launching, turns: Turns) -> None:
        self._turn = turns.turn
        self._state = state
        self._outside = outside
        self.known = MasterState(state.stored_mesos(), state.note_mesos)
        telling = Telling(self.known, outbox)
        self._telling = telling
        self._trading = Trading(state, self.known, telling)
        self._work = Work(state, outside, outbox, launching, self._trading, turns.task_updated)
        self._membership = Membership(self.known, outbox, self._trading, self._work)
        self._agents = _presence(state.ledger)
        self._timer: Timer | None = None
        self._wakeup: float | None = None
        self._resumed = False
        """Before that no time counts: who could not find the cluster while it was away is not late."""
        self._closed = False
        for task in self.known.holding():
            state.ledger = state.ledger.hold(task.agent_id, task.resources)

    # For the API

    def subscribe(self, call: Call, subscriber: Subscriber) -> str:
        """The framework's id; empty where it was refused: the stream ends with the reason."""
        return self._turn(lambda: self._membership.subscribe(call.body, subscriber, self._now()))

    def disconnected(self, framework_id: str, subscriber: Subscriber) -> None:
        """Nothing where somebody else has taken its place already."""
        if not self._closed and self.known.streams.get(framework_id) is subscriber:
            self._turn(lambda: self._membership.disconnected(framework_id, self._now()))

    def call(self, call: Call, stream_id: str | None) -> int:
        """The status of the answer. Raises BadCall."""
        framework = self.known.frameworks.get(call.framework_id)
        if framework is None:
            raise BadCall("Framework cannot be found")
        stream = self.known.streams.get(framework.id)
        if stream is None:
            raise BadCall("Framework is not subscribed", 403)
        if stream_id is None:
            raise BadCall("All non-subscribe calls should include the 'Mesos-Stream-Id' header")
        if stream.stream_id != stream_id:
            raise BadCall(
                f"The stream ID '{stream_id}' included in this request didn't match the stream ID currently "
                f"associated with framework ID {framework.id}"
            )
        if call.type == "UPDATE_FRAMEWORK":
            wrong = self._membership.update_fault(framework, call.body)
            if wrong:
                raise BadCall(wrong)
        self._turn(lambda: self._decide(framework, call))
        return DONE if call.type == "UPDATE_FRAMEWORK" else ACCEPTED

    def _decide(self, framework: Framework, call: Call) -> None:
        """What is not here (inverse offers, messages, operations) is accepted and means nothing: there is none."""
        actions: Mapping[str, Callable[[Framework, Body], None]] = {
            "ACCEPT": self._work.accept,
            "DECLINE": self._decline,
            "REVIVE": self._revive,
            "SUPPRESS": self._suppress,
            "KILL": self._work.kill,
            "SHUTDOWN": self._work.shut_down,
            "ACKNOWLEDGE": self._work.acknowledge,
            "RECONCILE": lambda framework, body: self._work.reconcile(framework, body.get("tasks") or ()),
            "TEARDOWN": lambda framework, _: self._membership.remove(framework, self._now()),
            "UPDATE_FRAMEWORK": self._membership.update,
        }
        action = actions.get(call.type)
        if action is not None:
            action(framework, call.body)

    def _decline(self, framework: Framework, body: Body) -> None:
        asked = [one.get("value", "") for one in body.get("offer_ids") or ()]
        for offer in self._trading.take(asked, framework.id):
            self._trading.refuse([offer], NONE, body.get("filters"), self._now())

    def _revive(self, framework: Framework, body: Body) -> None:
        roles = frozenset(body.get("roles") or framework.roles)
        self._trading.forget_refusals(framework.id, roles)
        self.known.put_framework(replace(framework, suppressed=framework.suppressed - roles))

    def _suppress(self, framework: Framework, body: Body) -> None:
        roles = frozenset(body.get("roles") or framework.roles) & frozenset(framework.roles)
        self.known.put_framework(replace(framework, suppressed=framework.suppressed | roles))

    def close(self) -> None:
        """The daemon ends: streams are closed, and nobody loses anything by it."""
        self._closed = True
        for stream in self.known.streams.values():
            stream.close()

    # For the engine

    def expected_tasks(self) -> list[str]:
        return [task.runtime_id for task in self.known.holding()]

    def took(self, update: TaskUpdate) -> bool:
        """Whether the update is about a framework's task: then it is seen to."""
        return self._work.took(update)

    def resume(self) -> None:
        """After a restart, once the runtimes have told what still runs."""
        self._resumed = True
        self._membership.resume(self._now())
        self._work.resume()

    def settle(self) -> None:
        """At the end of a turn, before it is written down."""
        now = self._now()
        present = _presence(self._state.ledger)
        if present != self._agents:
            self._agents_changed(present)
        self._trading.settle(now)
        self._telling.tell_due(now, self._lost_agents())

    def _agents_changed(self, present: dict[str, str]) -> None:
        before, self._agents = self._agents, present
        for agent_id, now in present.items():
            if before.get(agent_id, now) == now:
                continue
            if now == "lost":
                self._work.agent_lost(self._state.ledger.agents[agent_id])
            elif before[agent_id] == "lost":
                self._work.agent_back(agent_id)
            if now == "drained":
                self._work.agent_drained(agent_id)

    def arm(self, wake: Callable[[], None]) -> None:
        """Let `wake` be called when something is due by time alone; without that no timer runs."""
        if self._closed or not self._resumed:
            return
        now = self._now()
        dues = (
            self._trading.next_due(now),
            self._telling.next_due(self._lost_agents()),
            self._membership.next_due(),
        )
        due = min((moment for moment in dues if moment is not None), default=None)
        if due == self._wakeup and (due is None or self._timer is not None):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._wakeup, self._timer = due, None
        if due is not None:
            self._timer = self._outside.call_later(max(0.0, due - now) + _ROUND_SECONDS, wake)

    def woken(self) -> None:
        self._wakeup = self._timer = None
        self._membership.give_up_due(self._now())

    def _lost_agents(self) -> frozenset[str]:
        return frozenset(agent.id for agent in self._state.ledger.agents.values() if agent.lost)

    def _now(self) -> float:
        return self._outside.now().timestamp()


def _presence(ledger: Ledger) -> dict[str, str]:
    return {
        agent.id: "lost" if agent.lost else "active" if agent.active else "drained" for agent in ledger.agents.values()
    }
