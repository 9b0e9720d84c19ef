"""What a check means for one instance: which address, which pause, what counts as success. Nothing is sent here."""

from __future__ import annotations

from dataclasses import dataclass

from ciprov.localcluster.definitions.app import App, HealthCheck, ReadinessCheck
from ciprov.localcluster.model import Instance
from ciprov.localcluster.probes.network import HttpTarget

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Unprobeable:
    """The check can never succeed; `cause` says why."""

    cause: str


def runs_beside_task(check: HealthCheck) -> bool:
    """Mesos' own checks (COMMAND is one): run from within the task, first after `delaySeconds`."""
    return check.protocol == "COMMAND" or check.protocol.startswith("MESOS_")


def first_pause(check: HealthCheck) -> float:
    return float(check.delay_seconds) if runs_beside_task(check) else 0.0


def probed_port(check: HealthCheck, instance: Instance) -> int | Unprobeable:
    """`port` beats `portIndex`; without both it is the first port."""
    if check.port is not None:
        return check.port
    index = check.port_index or 0
    if index >= len(instance.ports):
        return Unprobeable(f"portIndex {index} is not among the task's {len(instance.ports)} ports")
    return instance.ports[index]


def hosts(check: HealthCheck, instance: Instance) -> tuple[str, ...]:
    """Where to try, in order. Beside a task the loopback address counts, to which it may have bound alone."""
    return (instance.host, LOOPBACK) if runs_beside_task(check) else (instance.host,)


def is_tls(check: HealthCheck) -> bool:
    return check.protocol.endswith("HTTPS")


def is_success(status: int) -> bool:
    return 200 <= status <= 399


def is_ignored(check: HealthCheck, status: int) -> bool:
    return check.ignore_http1xx and 100 <= status <= 199


def readiness_target(check: ReadinessCheck, instance: Instance, app: App) -> HttpTarget | Unprobeable:
    """The port of the app that is called `portName`."""
    mappings = app.container.port_mappings if app.container is not None else None
    names = [port.name for port in (mappings if mappings is not None else app.port_definitions)]
    index = names.index(check.port_name) if check.port_name in names else len(names)
    if index >= len(instance.ports):
        return Unprobeable(f"the app has no port named '{check.port_name}'")
    return HttpTarget(instance.host, instance.ports[index], check.path, check.protocol == "HTTPS")
