"""Frameworks' tasks: launched, watched, killed, and what becomes of them when their agent goes."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ciprov.localcluster.engine.launching import Launching
from ciprov.localcluster.engine.outbox import Outbox
from ciprov.localcluster.engine.ports import Outside
from ciprov.localcluster.engine.state import State
from ciprov.localcluster.master import statuses
from ciprov.localcluster.master.accepting import Asking, Launch, accept, offers_fault
from ciprov.localcluster.master.frameworks import Framework
from ciprov.localcluster.master.launch_spec import kill_grace_s
from ciprov.localcluster.master.state import MasterState
from ciprov.localcluster.master.tasks import Task, acknowledged, is_frameworks, with_status
from ciprov.localcluster.master.telling import Telling
from ciprov.localcluster.master.trading import Trading
from ciprov.localcluster.model import ENDED, Agent, Condition
from ciprov.localcluster.runtimes.environment import UnknownUser, account_for
from ciprov.localcluster.runtimes.port import LaunchSpec, Report, TaskUpdate

logger = logging.getLogger(__name__)

DRAINING = "REASON_AGENT_DRAINING"


class Work:
    """Takes calls about tasks, and reports about them; those about tasks that are no longer known come too late."""

    def __init__(
        self, state: State, outside: Outside, outbox: Outbox, launching: Launching, trading: Trading, report: Report
    ) -> None:
        self._state = state
        self._outside = outside
        self._outbox = outbox
        self._launching = launching
        self._trading = trading
        self._known: MasterState = trading.known
        self._telling: Telling = trading.telling
        self._report = report

    # Calls

    def accept(self, framework: Framework, body: Mapping[str, Any]) -> None:
        asked = [one.get("value", "") for one in body.get("offer_ids") or ()]
        fault = offers_fault(asked, self._known.offers, framework.id)
        offers = self._trading.take(asked, framework.id)
        live = frozenset(task.id for task in self._known.tasks_of(framework.id))
        agents, switch_user = self._state.ledger.agents, os.getuid() == 0
        asking = Asking(framework, agents, live, self._now(), lambda: str(uuid.uuid4()), switch_user)
        done = accept(asking, body.get("operations") or (), offers, fault)
        for launch in done.launches:
            self._launch(launch)
        for event in done.events:
            self._count(event.get("update", {}).get("status", {}).get("state", ""))
            self._telling.tell(framework.id, dict(event))
        if not fault:
            self._trading.refuse(offers, done.used, body.get("filters"), self._now())

    def _launch(self, launch: Launch) -> None:
        task = launch.task
        logger.info(
            "task_id=%s of framework_id=%s is launched on agent_id=%s", task.id, task.framework_id, task.agent_id
        )
        self._state.ledger = self._state.ledger.take(task.agent_id, task.resources)
        self._known.put_task(task)
        self._outbox.do(partial(self._start, launch.spec))

    def _start(self, spec: LaunchSpec) -> None:
        try:
            if spec.container is None:
                account_for(spec.user)
            self._outside.runtime.launch(spec)
        except UnknownUser as error:
            # An agent drops such a task: there is nothing that could fail.
            self._report(TaskUpdate(spec.task_id, Condition.LOST, str(error), began=False))
        except Exception as error:
            logger.exception("task_id=%s could not be launched", spec.task_id)
            self._report(TaskUpdate(spec.task_id, Condition.ERROR, f"the runtime refused the task: {error}"))

    def kill(self, framework: Framework, body: Mapping[str, Any]) -> None:
        """Nothing where it names another agent than the task's."""
        task = self._known.tasks.get((framework.id, body["task_id"]["value"]))
        if task is None or task.unreachable_at is not None:
            self._answer(framework, body)
        elif (body.get("agent_id") or {}).get("value", task.agent_id) == task.agent_id:
            self._kill(task, kill_grace_s(body.get("kill_policy")))

    def shut_down(self, framework: Framework, body: Mapping[str, Any]) -> None:
        """A task's executor bears the task's name."""
        task = self._known.tasks.get((framework.id, body["executor_id"]["value"]))
        if task is not None:
            self._kill(task, None)

    def kill_all(self, framework_id: str) -> None:
        for task in self._known.tasks_of(framework_id):
            self._kill(task, None)

    def _kill(self, task: Task, grace_s: float | None, reason: str = "") -> None:
        if task.ended or task.unreachable_at is not None:
            return
        framework = self._known.frameworks.get(task.framework_id)
        first = not task.killing
        task = replace(task, killing=True, kill_reason=task.kill_reason or reason)
        if first and task.state != "TASK_STAGING" and framework and "TASK_KILLING_STATE" in framework.capabilities:
            task = with_status(task, statuses.from_executor(task, "TASK_KILLING", "", self._now(), uuid.uuid4()))
        self._known.put_task(task)
        self._order_kill(task, grace_s)

    def _order_kill(self, task: Task, grace_s: float | None) -> None:
        grace = task.kill_grace_s if grace_s is None else grace_s
        self._outbox.do(partial(self._outside.runtime.kill, task.runtime_id, grace))

    def acknowledge(self, framework: Framework, body: Mapping[str, Any]) -> None:
        task = self._known.tasks.get((framework.id, body["task_id"]["value"]))
        if task is None or body["agent_id"]["value"] != task.agent_id:
            return
        after = acknowledged(task, body["uuid"])
        if after is not task:
            self._known.attempts.pop(task.key, None)
            self._known.put_task(after)

    def reconcile(self, framework: Framework, asked: Sequence[Mapping[str, Any]]) -> None:
        """All tasks that can be reached, where none is named."""
        known_ones = [task for task in self._known.tasks_of(framework.id) if task.unreachable_at is None]
        for task in known_ones if not asked else ():
            self._telling.tell_status(framework.id, statuses.latest(task, framework, self._now()))
        for one in asked:
            self._answer(framework, one)

    def _answer(self, framework: Framework, asked: Mapping[str, Any]) -> None:
        """How the task is that was asked about. Whom a master cannot reach it knows by the agent alone."""
        known = self._known.tasks.get((framework.id, asked["task_id"]["value"]))
        if known is None or (known.unreachable_at is not None and "agent_id" not in asked):
            self._tell_unknown(framework, asked)
        else:
            self._telling.tell_status(framework.id, statuses.latest(known, framework, self._now()))

    def _tell_unknown(self, framework: Framework, asked: Mapping[str, Any]) -> None:
        task_id, agent_id = asked["task_id"]["value"], (asked.get("agent_id") or {}).get("value", "")
        agent = self._state.ledger.agents.get(agent_id)
        known = agent is not None and not agent.lost
        status = statuses.unknown(task_id, agent_id, framework, self._now(), agent_known=known)
        self._telling.tell_status(framework.id, status)

    # Reports

    def took(self, update: TaskUpdate) -> bool:
        """Whether the update is about a framework's task: then it is seen to."""
        task = self._known.by_name(update.task_id)
        if task is None:
            return is_frameworks(update.task_id)
        if self._is_lost(task.agent_id):
            if update.condition in ENDED or task.held is None:
                held = update.condition.value, update.message, update.address, update.began
                self._known.put_task(replace(task, held=held))
        elif update.condition in ENDED:
            self._ended(task, update)
        elif update.condition is Condition.RUNNING and task.state == "TASK_STAGING":
            self._came_up(replace(task, address=update.address))
        return True

    def _came_up(self, task: Task) -> None:
        for state in ("TASK_STARTING", "TASK_RUNNING"):
            task = with_status(task, statuses.from_executor(task, state, "", self._now(), uuid.uuid4()))
        self._known.put_task(task)

    def _ended(self, task: Task, update: TaskUpdate) -> None:
        if task.ended:
            return
        framework = self._known.frameworks.get(task.framework_id)
        status = statuses.of_end(task, update, framework, self._now(), uuid.uuid4())
        state, message = status["state"], update.message
        logger.info("task_id=%s of framework_id=%s ended: %s, %s", task.id, task.framework_id, state, message)
        self._state.ledger = self._state.ledger.give(task.agent_id, task.resources)
        self._count(status["state"])
        self._known.put_task(with_status(task, status))
        self._launching.offered()

    def _count(self, state: str) -> None:
        self._known.ended[state] = self._known.ended.get(state, 0) + 1

    # Agents

    def agent_lost(self, agent: Agent) -> None:
        """Its tasks run on, unreachable."""
        for task in self._on(agent.id):
            framework = self._known.frameworks.get(task.framework_id)
            cut_off = replace(task, unreachable_at=self._now())
            self._known.put_task(cut_off)
            if framework is not None:
                told = statuses.unreachable(
                    cut_off, framework, "health check timed out", "REASON_AGENT_REMOVED", self._now()
                )
                self._telling.tell_status(framework.id, told)
        self._trading.rescind_on(agent.id)
        for framework_id in self._known.streams:
            self._telling.tell(framework_id, {"type": "FAILURE", "failure": {"agent_id": {"value": agent.id}}})

    def agent_back(self, agent_id: str) -> None:
        """What happened meanwhile is heard now."""
        for task in self._on(agent_id):
            back = replace(task, unreachable_at=None, held=None)
            self._known.put_task(back)
            if task.held is not None:
                condition, message, address, began = task.held
                self.took(TaskUpdate(task.runtime_id, Condition(condition), message, address, began))
            current = self._known.tasks.get(task.key)
            if current is None or current.ended:
                continue
            self._telling.tell_status(task.framework_id, statuses.reachable(back, self._now()))
            if task.framework_id not in self._known.frameworks:
                self._kill(current, None)

    def agent_drained(self, agent_id: str) -> None:
        for task in self._on(agent_id):
            self._kill(task, None, DRAINING)

    def resume(self) -> None:
        """After a restart: kills that were ordered are ordered again, and nobody's tasks are ended."""
        for task in list(self._known.holding()):
            if task.framework_id not in self._known.frameworks:
                self._kill(task, None)
            elif task.killing and task.unreachable_at is None:
                self._order_kill(task, None)
            if task.unreachable_at is not None and not self._is_lost(task.agent_id):
                self.agent_back(task.agent_id)

    def _on(self, agent_id: str) -> list[Task]:
        return [task for task in self._known.holding() if task.agent_id == agent_id]

    def _is_lost(self, agent_id: str) -> bool:
        agent = self._state.ledger.agents.get(agent_id)
        return agent is not None and agent.lost

    def _now(self) -> float:
        return self._outside.now().timestamp()
