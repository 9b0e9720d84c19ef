"""A small model of Mesos' tasks, and of a scheduler that performs what the ledger says and may crash at any effect."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from framework_examples import NOW, launch_of

from ciprov.foundation.json import JsonObject
from ciprov.framework import reconciliation
from ciprov.framework.ledger import book, upkeep
from ciprov.framework.ledger.effects import Acknowledge, Ended, Forget, Kill, Persist, SendLaunch
from ciprov.framework.ledger.entry import decode, encode
from ciprov.framework.ledger.status import TaskStatus
from ciprov.framework.ledger.transitions import TRANSITIONS


class Crash(Exception):
    pass


class MesosTasks:
    """Tasks run on one agent. Updates wait in `inbox`; those with a uuid stay there until they are acknowledged."""

    def __init__(self) -> None:
        self.running: dict[str, str] = {}
        self.launched: Counter[str] = Counter()
        self.inbox: list[TaskStatus] = []
        self.away = False
        self._uuids = 0

    def launch(self, task_ids: tuple[str, ...]) -> None:
        self.launched.update(task_ids)
        for task_id in task_ids:
            if self.away:
                self.tell(task_id, "TASK_DROPPED", reliable=False)
            else:
                self.running[task_id] = "TASK_RUNNING"
                self.tell(task_id, "TASK_STARTING")
                self.tell(task_id, "TASK_RUNNING")

    def tell(self, task_id: str, state: str, *, reliable: bool = True, reason: str = "") -> None:
        self._uuids += 1
        self.inbox.append(TaskStatus(task_id, state, "agent-a", f"u{self._uuids}" if reliable else "", reason))

    def end(self, task_id: str, state: str) -> None:
        if task_id in self.running and not self.away:
            del self.running[task_id]
            self.tell(task_id, state)

    def kill(self, task_id: str) -> None:
        if task_id in self.running:
            self.end(task_id, "TASK_KILLED")
        else:
            self.tell(task_id, "TASK_GONE", reliable=False)

    def reconcile(self, asked: tuple[str, ...]) -> None:
        for task_id in asked or tuple(self.running):
            state = self.running.get(task_id, "TASK_GONE")
            if self.away and task_id in self.running:
                state = "TASK_UNREACHABLE"
            self.tell(task_id, state, reliable=False, reason="REASON_RECONCILIATION")

    def leave(self) -> None:
        self.away = True
        for task_id in self.running:
            self.tell(task_id, "TASK_UNREACHABLE", reliable=False)

    def come_back(self) -> None:
        self.away = False
        for task_id, state in self.running.items():
            self.tell(task_id, state, reliable=False)

    def acknowledge(self, uuid: str) -> None:
        self.inbox = [status for status in self.inbox if status.uuid != uuid]


class Scheduler:
    """`crash_after` effects it is killed, and starts again from its store. `lose_calls`: none of its calls arrives."""

    def __init__(self, mesos: MesosTasks) -> None:
        self.mesos = mesos
        self.store: dict[str, JsonObject] = {}
        self.ended: Counter[str] = Counter()
        self.now: datetime = NOW
        self.crash_after: int | None = None
        self.lose_calls = False
        self.named = 0
        self.start()

    def start(self) -> None:
        step = book.recovered([decode(document) for document in self.store.values()], self.now)
        self.ledger = step.ledger
        self.reconciliation = reconciliation.registered(self.ledger, self.now)
        self.perform(step)

    def perform(self, step: book.Step) -> None:
        for effect in step.effects:
            if self.crash_after is not None:
                if self.crash_after == 0:
                    raise Crash
                self.crash_after -= 1
            match effect:
                case Persist(entries):
                    self.store |= {entry.task_id: encode(entry) for entry in entries}
                case Forget(task_ids):
                    self.store = {task_id: d for task_id, d in self.store.items() if task_id not in task_ids}
                case SendLaunch(_, task_ids):
                    assert set(task_ids) <= set(self.store), "launched before it was written"
                    if not self.lose_calls:
                        self.mesos.launch(task_ids)
                case Kill(task_id):
                    if not self.lose_calls:
                        self.mesos.kill(task_id)
                case Acknowledge(task_id, _, uuid):
                    self.check_written(task_id, uuid)
                    if not self.lose_calls:
                        self.mesos.acknowledge(uuid)
                case Ended(entry):
                    self.ended[entry.task_id] += 1
        self.ledger = step.ledger

    def check_written(self, task_id: str, uuid: str) -> None:
        seen = next((status.seen for status in self.mesos.inbox if status.uuid == uuid), None)
        if task_id in self.store and seen:
            state = decode(self.store[task_id]).state
            assert TRANSITIONS[state][seen] is state, "acknowledged before it was written"

    def launch(self) -> None:
        self.named += 1
        name = f"q{self.named}"
        step = book.intend(self.ledger, [launch_of(name)], lambda placement: f"t-{placement.request_id}", self.now)
        self.perform(step)
        self.perform(book.sent(self.ledger, [f"t-{name}"], self.now))

    def hear(self, status: TaskStatus) -> None:
        if not status.uuid and status in self.mesos.inbox:
            self.mesos.inbox.remove(status)
        self.reconciliation = reconciliation.heard(self.reconciliation, status.task_id)
        self.perform(book.updated(self.ledger, status, self.now))

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.perform(upkeep.kept_up(self.ledger, upkeep.Patience(unreachable=120, remembered=3000), self.now))
        self.reconciliation, calls = reconciliation.due(self.reconciliation, self.ledger, self.now)
        for call in calls:
            if not self.lose_calls:
                self.mesos.reconcile(tuple(task_id for task_id, _ in call.tasks))
