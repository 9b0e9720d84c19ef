"""A Mesos within the test: offers without end, and agents of the fake Jenkins as threads instead of processes.

For figures about the service alone: starting a hundred real agents would measure the machine.
"""

from __future__ import annotations

import base64
import http.client
import json
import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from itertools import count
from queue import SimpleQueue
from typing import Any

import fake_agent

from ciprov.agents.start.start_script import SECRET_VARIABLE
from ciprov.domain import mesos_events as events
from ciprov.domain.mesos_scheduler import EventQueue, Framework
from ciprov.foundation.json import JsonObject

_CPUS, _MEM = 64.0, 65536.0
_START_S = 0.05
"""From an ACCEPT to the agent's first step."""


class MesosInThreads:
    """A `MesosScheduler`. `accepted` is when each task was launched, by its id. `signal` is told who works, as tasks
    tell the service. `jenkins` is its URL.
    """

    def __init__(self, jenkins: str, signal: Callable[[str], None], hosts: int = 4) -> None:
        self._jenkins = jenkins
        self._signal = signal
        self._free = {f"host-{number}": [_CPUS, _MEM] for number in range(hosts)}
        self._offered: dict[str, tuple[str, list[float], float]] = {}
        self._lock = threading.Lock()
        self._ids = count(1)
        self._events: Any = None
        self._gone = False
        self.accepted: dict[str, float] = {}
        self._answered_s: list[float] = []
        self._threads: SimpleQueue[threading.Thread | None] = SimpleQueue()
        threading.Thread(target=self._start_threads, daemon=True).start()

    def waited_s(self) -> list[float]:
        """How long each offer waited for its answer, or waits still."""
        with self._lock:
            return [*self._answered_s, *(time.monotonic() - since for _, _, since in self._offered.values())]

    def start(self, framework: Framework, events_to: EventQueue) -> None:
        self._events = events_to
        self._events.put(events.Subscribed(framework.id or "f-1", "here", "1.11.0", 15.0, again=bool(framework.id)))
        self.revive()

    def stop(self) -> None:
        self._gone = True
        self._threads.put(None)
        self._events.put(events.Stopped(events.End.ASKED, "", ""))

    def revive(self, roles: Collection[str] = ()) -> None:
        with self._lock:
            made = [self._offer(host) for host, (cpus, _) in self._free.items() if cpus > 1]
        if made:
            self._events.put(events.Offers(tuple(made)))

    def suppress(self, roles: Collection[str] = ()) -> None:
        pass

    def decline(self, offer_ids: Sequence[str], *, filter_s: float = 5.0) -> None:
        with self._lock:
            for offer_id in offer_ids:
                self._give_back(offer_id, 0.0, 0.0)
        self._later(filter_s, self.revive)

    def launch(self, offer_ids: Sequence[str], task_infos: Sequence[JsonObject], *, filter_s: float = 5.0) -> None:
        now = time.time()
        with self._lock:
            for number, offer_id in enumerate(offer_ids):
                used = [] if number else task_infos
                self._give_back(offer_id, *(sum(_amount(info, name) for info in used) for name in ("cpus", "mem")))
        for info in task_infos:
            name = info["task_id"]["value"]
            assert name not in self.accepted, f"{name} was launched twice"
            self.accepted[name] = now
            self._threads.put(threading.Thread(target=self._run, args=(name, info), daemon=True))
        self._later(0.1, self.revive)

    def kill(self, task_id: str, *, agent_id: str = "", grace_s: float | None = None) -> None:
        self._tell(task_id, "TASK_KILLED")

    def __getattr__(self, call: str) -> Any:
        """Acknowledgements, reconciliation and the like change nothing here."""
        return lambda *_, **__: None

    def _offer(self, host: str) -> JsonObject:
        offer_id, (cpus, mem) = f"o-{next(self._ids)}", self._free[host]
        self._free[host] = [0.0, 0.0]
        self._offered[offer_id] = host, [cpus, mem], time.monotonic()
        scalars = (("cpus", cpus), ("mem", mem), ("disk", 1e6))
        return {
            "id": {"value": offer_id},
            "agent_id": {"value": host},
            "hostname": host,
            "allocation_info": {"role": "*"},
            "resources": [
                {"name": name, "type": "SCALAR", "scalar": {"value": value}, "allocation_info": {"role": "*"}}
                for name, value in scalars
            ],
        }

    def _give_back(self, offer_id: str, cpus: float, mem: float) -> None:
        host, (had_cpus, had_mem), since = self._offered.pop(offer_id)
        self._answered_s.append(time.monotonic() - since)
        self._free[host] = [had_cpus - cpus, had_mem - mem]

    def _run(self, name: str, info: JsonObject) -> None:
        self._tell(name, "TASK_RUNNING", info["agent_id"]["value"])
        time.sleep(_START_S)
        with suppress(OSError, http.client.HTTPException):
            self._serve({"url": self._jenkins, "name": name}, _secret(info))
        self._tell(name, "TASK_FINISHED", info["agent_id"]["value"])

    def _serve(self, given: dict[str, str], secret: str) -> None:
        """As `fake_agent` does; a script is so many seconds, which are slept."""
        connection, _ = fake_agent.connected(given)
        connection.request("POST", f"/fake/agents/{given['name']}", headers={"X-Secret": secret})
        for line in connection.getresponse():
            build = json.loads(line)
            if "script" in build:
                self._signal(given["name"])
                time.sleep(float(build["script"]))
                fake_agent.report(given, secret, {**build, "result": "SUCCESS"})

    def _tell(self, name: str, state: str, agent_id: str = "") -> None:
        if not self._gone:
            status = {"task_id": {"value": name}, "state": state, "agent_id": {"value": agent_id}, "uuid": "dQ=="}
            self._events.put(events.Update(status))

    def _later(self, seconds: float, act: Any) -> None:
        timer = threading.Timer(seconds, lambda: None if self._gone else act())
        timer.daemon = True
        self._threads.put(timer)

    def _start_threads(self) -> None:
        """Whoever starts a thread waits until it runs, which would count as the service's time."""
        while thread := self._threads.get():
            thread.start()


def _amount(info: JsonObject, name: str) -> float:
    return sum(one["scalar"]["value"] for one in info["resources"] if one["name"] == name)


def _secret(info: JsonObject) -> str:
    """Of its node, as the task finds it in its environment."""
    variables = {one["name"]: one for one in info["command"]["environment"]["variables"]}
    return base64.b64decode(variables[SECRET_VARIABLE]["secret"]["value"]["data"]).decode()
