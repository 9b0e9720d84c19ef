"""Tasks that cannot be reached: their hosts may still run them, and so hold their ports and volumes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ciprov.environments.replacing.around import Around
from ciprov.foundation.json import JsonObject

UNREACHABLE = "TASK_UNREACHABLE"
_RANGE = re.compile(r"(\d+)\s*-\s*(\d+)")
_MOST_PORTS = 100


@dataclass(frozen=True, slots=True)
class CutOff:
    """A task of `app_id` that nobody reaches. `host` may be the agent's id where its name is not known."""

    app_id: str
    task_id: str
    host: str
    ports: tuple[int, ...]

    def __str__(self) -> str:
        held = f" and may still hold port{'s' if len(self.ports) > 1 else ''} {_joined(self.ports)} there"
        return f"task {self.task_id} on {self.host} cannot be reached{held if self.ports else ' and may still run'}"


def cut_off(app_id: str, around: Around) -> tuple[CutOff, ...]:
    """The tasks of one app that Marathon or Mesos cannot reach, or whose agents the Mesos master does not know.

    Marathon may have forgotten some of them; Mesos has not until their agents return or are given up.
    """
    found = {task.task_id: task for task in (*_of_mesos(app_id, around), *_of_marathon(app_id, around))}
    return tuple(found[task_id] for task_id in sorted(found))


def ways_out(tasks: Iterable[CutOff]) -> str:
    hosts = ", ".join(sorted({task.host for task in tasks}))
    return (
        f"bring {hosts} back, or make sure that it is off and have the Mesos master mark its agent as gone; "
        "then repeat the command"
    )


def _of_marathon(app_id: str, around: Around) -> Iterator[CutOff]:
    known = None if around.slaves is None else {str(slave.get("id")) for slave in around.slaves}
    for task in around.tasks.get(app_id, ()):
        agent, state = str(task.get("slaveId") or ""), task.get("state", "TASK_RUNNING")
        lost = known is not None and agent and agent not in known and state in ("TASK_RUNNING", "TASK_KILLING")
        if state == UNREACHABLE or lost:
            ports = tuple(port for port in task.get("ports") or [] if isinstance(port, int) and port)
            yield CutOff(app_id, str(task.get("id")), str(task.get("host") or agent or "an unknown host"), ports)


def _of_mesos(app_id: str, around: Around) -> Iterator[CutOff]:
    prefix = app_id.strip("/").replace("/", "_") + "."
    for task in around.unreachable or ():
        task_id = str(task.get("id") or "")
        if task.get("state") == UNREACHABLE and task_id.startswith(prefix):
            host = str(task.get("hostname") or task.get("slave_id") or "an unknown host")
            yield CutOff(app_id, task_id, host, _ports(task))


def _ports(task: JsonObject) -> tuple[int, ...]:
    text = (task.get("resources") or {}).get("ports")
    spans = _RANGE.findall(text if isinstance(text, str) else "")
    ports = [port for first, last in spans for port in range(int(first), min(int(last), int(first) + _MOST_PORTS) + 1)]
    return tuple(ports[:_MOST_PORTS])


def _joined(ports: tuple[int, ...]) -> str:
    return ", ".join(map(str, ports))
