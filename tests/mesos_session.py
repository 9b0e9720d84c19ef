"""A driver in a test, with its events in the order in which they came; every wait is bounded."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from typing import Any, TypeVar

from ciprov.clients.connection import Connection
from ciprov.clients.mesos_scheduler.driver import GuardedDriver
from ciprov.clients.mesos_scheduler.patience import Patience
from ciprov.domain.mesos_events import MesosEvent, Offers, Subscribed, Update
from ciprov.domain.mesos_scheduler import Framework

T = TypeVar("T")
HURRIED = Patience(connect_s=2.0, subscribe_s=3.0, call_s=2.0, first_pause_s=0.1, longest_pause_s=1.0)


class Session:
    def __init__(
        self, *servers: str, patience: Patience = HURRIED, leader_tls: bool = False, **connection: Any
    ) -> None:
        self.driver = GuardedDriver(Connection("Mesos", servers, **connection), patience, leader_tls=leader_tls)
        self.events: queue.SimpleQueue[MesosEvent] = queue.SimpleQueue()
        self.seen: list[MesosEvent] = []

    def start(self, framework_id: str = "", roles: tuple[str, ...] = ("ci",), **fields: Any) -> Session:
        self.driver.start(Framework("contract", roles, framework_id, user="root", **fields), self.events)
        return self

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.driver.stop()

    def wait_for(self, kind: type[T], fits: Callable[[T], bool] = lambda _: True, seconds: float = 10.0) -> T:
        """The next event of that kind that fits; those before it are passed over."""
        deadline = time.monotonic() + seconds
        while (remaining := deadline - time.monotonic()) > 0:
            try:
                event = self.events.get(timeout=remaining)
            except queue.Empty:
                break
            self.seen.append(event)
            if isinstance(event, kind) and fits(event):
                return event
        raise AssertionError(f"no {kind.__name__} within {seconds:g} s; there were {self.seen[-20:]}")

    def pending(self) -> list[MesosEvent]:
        """All that came and was not waited for."""
        found: list[MesosEvent] = []
        while not self.events.empty():
            found.append(self.events.get())
        self.seen += found
        return found

    def subscribed(self, seconds: float = 10.0) -> Subscribed:
        return self.wait_for(Subscribed, seconds=seconds)

    def offer(self) -> dict[str, Any]:
        return self.wait_for(Offers, lambda event: bool(event.offers)).offers[0]

    def update(self, task_id: str, state: str, seconds: float = 15.0) -> Update:
        """Waits for the state; every update on the way is acknowledged."""

        def fits(update: Update) -> bool:
            self.driver.acknowledge(update.status)
            return update.task_id == task_id and update.state == state

        return self.wait_for(Update, fits, seconds)

    def launch_sleeper(self, task_id: str, seconds: int = 100) -> dict[str, Any]:
        """On the next offer; answers that offer."""
        offer = self.offer()
        self.driver.launch(
            [offer["id"]["value"]], [sleeper(task_id, offer["agent_id"]["value"], seconds)], filter_s=0.1
        )
        return offer


def sleeper(task_id: str, agent_id: str, seconds: int = 100) -> dict[str, Any]:
    def scalar(name: str, value: float) -> dict[str, Any]:
        return {"name": name, "type": "SCALAR", "scalar": {"value": value}, "allocation_info": {"role": "ci"}}

    return {
        "name": task_id,
        "task_id": {"value": task_id},
        "agent_id": {"value": agent_id},
        "resources": [scalar("cpus", 0.1), scalar("mem", 32)],
        "command": {"value": f"sleep {seconds}"},
    }
