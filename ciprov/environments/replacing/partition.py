"""Tasks that cannot be reached: their hosts may still run them, and so hold their ports and volumes. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from ciprov.environments.agent_ports import agent_ports
from ciprov.environments.fixed_ports import fixed_host_ports
from ciprov.environments.replacing.around import Around
from ciprov.environments.strategies import external_volumes
from ciprov.foundation.json import JsonObject

UNREACHABLE = "TASK_UNREACHABLE"
_ALIVE = ("TASK_STAGING", "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING")
_RANGE = re.compile(r"(\d+)\s*-\s*(\d+)")
_MOST_PORTS = 100


@dataclass(frozen=True, slots=True)
class CutOff:
    """A task of `app_id` that nobody reaches. `host` is `agent <id>` where only that is known. Where Marathon
    has `forgotten` it, another one has taken its place or is to do so.
    """

    app_id: str
    task_id: str
    host: str
    ports: tuple[int, ...]
    forgotten: bool = False

    def __str__(self) -> str:
        held = f"hold port{'s' if len(self.ports) > 1 else ''} {_joined(self.ports)} there" if self.ports else "run"
        return f"task {self.task_id} on {self.host} cannot be reached and may still {held}"


def cut_off(app_id: str, around: Around) -> tuple[CutOff, ...]:
    """The tasks of one app that Marathon or Mesos cannot reach, or whose agents the Mesos master does not know.

    Marathon may have forgotten some of them; Mesos has not until their agents return or are given up.
    """
    found = {task.task_id: task for task in (*_of_mesos(app_id, around), *_of_marathon(app_id, around))}
    return tuple(found[task_id] for task_id in sorted(found))


def in_the_way(app: JsonObject, around: Around) -> tuple[CutOff, ...]:
    """Those without which nothing of `app`, as it shall be, may or can be started.

    Mesos gives nobody else what a forgotten one holds on its own host: that one is in the way only where it may have a
    volume attached, or where too few other agents offer the app's ports.
    """
    lost = cut_off(str(app["id"]), around)
    if all(task.forgotten for task in lost) and not external_volumes(app) and _places(app, around) >= _count(app):
        return ()
    return lost


def ports_out_of_reach(around: Around) -> frozenset[int]:
    """The ports that those tasks of the apps `around` tells of may hold which cannot be reached."""
    return frozenset(port for app_id in around.tasks for task in cut_off(app_id, around) for port in task.ports)


def ways_out(tasks: Iterable[CutOff]) -> str:
    hosts = ", ".join(sorted({task.host for task in tasks}))
    return (
        f"bring {hosts} back, or make sure that it is off and have the Mesos master mark its agent as gone; "
        "then repeat the command"
    )


def _places(app: JsonObject, around: Around) -> int:
    """How many agents offer the app's fixed ports; without any it finds a place anywhere."""
    ports = fixed_host_ports(app)
    if not ports:
        return _count(app)
    agents = agent_ports(around.slaves or ())
    return sum(all(agent.offers(port) for port in ports) for agent in agents)


def _count(app: JsonObject) -> int:
    return int(app.get("instances", 1))


def _of_marathon(app_id: str, around: Around) -> Iterator[CutOff]:
    known = None if around.slaves is None else {str(slave.get("id")) for slave in around.slaves}
    for task in around.tasks.get(app_id, ()):
        if _is_cut_off(task, known):
            ports = tuple(port for port in task.get("ports") or [] if isinstance(port, int) and port)
            host = str(task.get("host") or task.get("slaveId") or "an unknown host")
            yield CutOff(app_id, str(task.get("id")), host, ports)


def _is_cut_off(task: JsonObject, known: Collection[str] | None) -> bool:
    agent, state = str(task.get("slaveId") or ""), task.get("state", "TASK_RUNNING")
    return state == UNREACHABLE or bool(known is not None and agent and agent not in known and state in _ALIVE)


def _of_mesos(app_id: str, around: Around) -> Iterator[CutOff]:
    prefix = app_id.strip("/").replace("/", "_") + "."
    for task in around.unreachable or ():
        task_id = str(task.get("id") or "")
        if task.get("state") == UNREACHABLE and task_id.startswith(prefix):
            host = f"agent {task['slave_id']}" if task.get("slave_id") else "an unknown agent"
            yield CutOff(app_id, task_id, host, _ports(task), forgotten=True)


def _ports(task: JsonObject) -> tuple[int, ...]:
    text = (task.get("resources") or {}).get("ports")
    spans = _RANGE.findall(text if isinstance(text, str) else "")
    ports = [port for first, last in spans for port in range(int(first), min(int(last), int(first) + _MOST_PORTS) + 1)]
    return tuple(ports[:_MOST_PORTS])


def _joined(ports: tuple[int, ...]) -> str:
    return ", ".join(map(str, ports))
