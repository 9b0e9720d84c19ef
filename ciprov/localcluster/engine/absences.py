"""Agents that are drained, that are lost, and that come back, and what that means for their tasks.

A drained agent makes no offers, and its tasks are killed. A lost one is cut off: its tasks run on, but nobody hears
of them, so what they report is held back until the agent returns. An instance that was forgotten meanwhile leaves a
stray task behind, which is killed on the agent's return.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial

from ciprov.localcluster.engine.announcing import instance_changed, status_update, unknown_terminated
from ciprov.localcluster.engine.launching import Launching, kill_grace
from ciprov.localcluster.engine.outbox import Outbox
from ciprov.localcluster.engine.ports import Outside, Timer
from ciprov.localcluster.engine.state import State
from ciprov.localcluster.engine.tasks import Tasks
from ciprov.localcluster.health.machine import initial
from ciprov.localcluster.model import ENDED, HOLDS_RESOURCES, UNREACHABLE, Agent, Condition, Instance
from ciprov.localcluster.runtimes.port import TaskUpdate
from ciprov.localcluster.scheduling.agents import resources_of
from ciprov.localcluster.scheduling.unreachable import judged, next_verdict

logger = logging.getLogger(__name__)

_EARLY = 0.001


class NotPossible(ValueError):
    """What is asked of an agent cannot be done now; the text says why and what to do."""


class Absent:
    """Performs what is asked of agents, and keeps what their return needs."""

    def __init__(self, state: State, outside: Outside, outbox: Outbox, launching: Launching, tasks: Tasks) -> None:
        self._state = state
        self._outside = outside
        self._outbox = outbox
        self._launching = launching
        self._tasks = tasks
        self._timer: Timer | None = None
        self._stirred = True

    # What is asked of agents

    def drain(self, agent: Agent) -> None:
        """No more offers; its tasks are killed. Not for a lost one, which nobody can tell to end its tasks."""
        logger.info("agent_id=%s is drained", agent.id)
        self._enter(replace(agent, active=False))
        for instance in self._on(agent):
            self._tasks.kill(instance, decommission=False)

    def lose(self, agent: Agent) -> None:
        """No more offers and no more reports; its tasks run on and are unreachable."""
        if agent.lost:
            return
        logger.info("agent_id=%s is lost", agent.id)
        self._enter(replace(agent, active=False, lost=True))
        for instance in self._on(agent):
            self._unreachable(instance, agent)

    def bring_back(self, agent: Agent) -> frozenset[str]:
        """It makes offers again, and what happened meanwhile is heard. Gives the apps whose tasks were unreachable."""
        logger.info("agent_id=%s is back", agent.id)
        back = replace(agent, active=True, lost=False)
        self._enter(back)
        self._launching.offered()
        return self._reappear(lambda instance: instance.agent_id == agent.id)

    def resume(self) -> None:
        """After a restart: agents that were lost and are no more, because there are fewer of them now, or others."""
        lost = {agent.id for agent in self._state.ledger.agents.values() if agent.lost}
        self._reappear(lambda instance: instance.agent_id not in lost)

    # Their tasks

    def took(self, update: TaskUpdate) -> bool:
        """Whether the update is about a task that nobody hears of now, or that was forgotten: then it is seen to."""
        absences = self._state.absences
        instance_id = self._state.by_task.get(update.task_id)
        known = self._state.instances[instance_id] if instance_id is not None else None
        instance = known or absences.strays.get(update.task_id)
        if instance is None or (known is not None and known.condition not in UNREACHABLE):
            return False
        if self._is_lost(instance):
            if update.condition in ENDED or update.task_id not in absences.held:
                held = {**absences.held, update.task_id: update}
                self._state.set_absences(replace(absences, held=held))
        elif update.condition in ENDED:
            self._forget_stray(instance, update.condition)
        return True

    def expunge(self, instance: Instance, condition: Condition = Condition.KILLED) -> None:
        """Forget an unreachable instance; its task is killed should it ever be heard of again."""
        logger.info("instance_id=%s is expunged", instance.id)
        self._outbox.announce(instance_changed(replace(instance, condition=condition)))
        absences = self._state.absences
        self._state.set_absences(replace(absences, strays={**absences.strays, instance.task_id: instance}))
        self._state.drop(instance)

    def _unreachable(self, instance: Instance, agent: Agent) -> None:
        now = self._outside.now()
        app = self._state.definition(instance)
        message = f"Agent {agent.hostname} is unreachable"
        cut_off = replace(
            instance,
            condition=judged(app, now, now) or Condition.UNREACHABLE_INACTIVE,
            since=now,
            unreachable_since=now,
            health=initial(app),
            message=message,
        )
        self._outbox.do(partial(self._outside.prober.stop, instance.task_id))
        self._outbox.announce(status_update(cut_off, cut_off.condition, message))
        self._state.readiness.pop(instance.task_id, None)
        self._state.put(cut_off)
        if judged(app, now, now) is None:
            self.expunge(cut_off, cut_off.condition)
        else:
            self._outbox.announce(instance_changed(cut_off))

    def _reappear(self, where: Callable[[Instance], bool]) -> frozenset[str]:
        held = self._state.absences.held
        for stray in [each for each in self._state.absences.strays.values() if where(each)]:
            update = held.get(stray.task_id)
            if update is not None and update.condition in ENDED:
                self._forget_stray(stray, update.condition)
            else:
                self._kill_stray(stray)
        found = [it for it in self._state.instances.values() if it.condition in UNREACHABLE and where(it)]
        for instance in found:
            self._reachable(instance, held.get(instance.task_id))
        self._stirred = True
        return frozenset(instance.app_id for instance in found)

    def _reachable(self, instance: Instance, update: TaskUpdate | None) -> None:
        self._drop_held(instance.task_id)
        if update is not None and update.condition in ENDED:
            self._tasks.updated(update)
            return
        now = self._outside.now()
        started = instance.started_at or (now if update is not None else None)
        condition = Condition.RUNNING if started else Condition.STAGING
        back = replace(instance, condition=condition, since=now, started_at=started, unreachable_since=None, message="")
        self._outbox.announce(status_update(back, condition, ""))
        self._outbox.announce(instance_changed(back))
        self._state.put(back)
        if instance.decommissioned:
            self._tasks.kill(back, decommission=True)
        elif started:
            self._state.put(self._tasks.watched(back, self._state.definition(back)))

    def _kill_stray(self, stray: Instance) -> None:
        logger.info("task_id=%s is unknown and killed", stray.task_id)
        grace = kill_grace(self._state.definition(stray))
        self._outbox.do(partial(self._outside.runtime.kill, stray.task_id, grace))

    def _forget_stray(self, stray: Instance, condition: Condition) -> None:
        self._drop_held(stray.task_id)
        absences = self._state.absences
        strays = {task_id: other for task_id, other in absences.strays.items() if task_id != stray.task_id}
        self._state.set_absences(replace(absences, strays=strays))
        freed = resources_of(self._state.definition(stray), stray.ports)
        self._state.ledger = self._state.ledger.give(stray.agent_id, freed)
        self._launching.offered()
        self._outbox.announce(unknown_terminated(stray.id, stray.app_id, condition))

    def _drop_held(self, task_id: str) -> None:
        absences = self._state.absences
        if task_id in absences.held:
            held = {other: update for other, update in absences.held.items() if other != task_id}
            self._state.set_absences(replace(absences, held=held))

    def _enter(self, agent: Agent) -> None:
        self._state.set_agent(agent)
        self._stirred = True

    def _on(self, agent: Agent) -> list[Instance]:
        instances = self._state.instances.values()
        return [it for it in instances if it.agent_id == agent.id and it.condition in HOLDS_RESOURCES]

    def _is_lost(self, instance: Instance) -> bool:
        agent = self._state.ledger.agents.get(instance.agent_id)
        return agent is not None and agent.lost

    # Waiting

    def arm(self, wake: Callable[[], None]) -> None:
        """Let `wake` be called when the next unreachable instance has been waited for long enough."""
        if not self._stirred:
            return
        self._stirred = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._outside.now()
        moments = [next_verdict(self._state.definition(it), since, now) for it, since in self._unreachable_ones()]
        first = min((moment for moment in moments if moment is not None), default=None)
        if first is not None:
            self._timer = self._outside.call_later((first - now).total_seconds() + _EARLY, wake)

    def woken(self) -> None:
        self._stirred = True
        now = self._outside.now()
        for instance, since in list(self._unreachable_ones()):
            verdict = judged(self._state.definition(instance), since, now)
            if verdict is None:
                self.expunge(instance)
            elif verdict is not instance.condition:
                inactive = replace(instance, condition=verdict, since=now)
                self._outbox.announce(instance_changed(inactive))
                self._state.put(inactive)

    def _unreachable_ones(self) -> Iterator[tuple[Instance, datetime]]:
        for instance in self._state.instances.values():
            if instance.condition in UNREACHABLE:
                yield instance, instance.unreachable_since or instance.since
