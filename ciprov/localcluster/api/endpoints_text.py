"""`/v2/tasks` as text, for scripts: a line for each service port, with the addresses behind it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.model import Condition, Instance


def endpoints_text(apps: Iterable[App], instances_of: Callable[[str], Sequence[Instance]]) -> str:
    """Tab-separated: the path joined by `_`, the service port, then `host:port` of each running task.

    An app without ports has one line, with a blank in place of the port and bare hosts.
    """
    return "".join(line for app in apps for line in _lines(app, instances_of(app.id)))


def _lines(app: App, instances: Sequence[Instance]) -> Iterable[str]:
    name = app.id.strip("/").replace("/", "_")
    running = [instance for instance in instances if instance.condition is Condition.RUNNING]
    if not app.service_ports:
        yield f"{name}\t \t" + "".join(f"{instance.host} " for instance in running) + "\n"
    for index, port in enumerate(app.service_ports):
        addresses = "".join(f"{instance.host}:{_port(instance, index)}\t" for instance in running)
        yield f"{name}\t{port}\t{addresses}\n"


def _port(instance: Instance, index: int) -> int:
    """0 where the task is of a version with fewer ports."""
    return instance.ports[index] if index < len(instance.ports) else 0
