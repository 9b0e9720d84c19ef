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


def targets(
    check: HealthCheck, instance: Instance, app: App, inside: str = ""
) -> tuple[tuple[str, int], ...] | Unprobeable:
    """Addresses and ports to try, in order.

    `inside` is the address of the task's own network, if it has one. There its container's ports are asked, for a
    published port accepts connections that nobody in the container does; and some ports are not published at all.
    """
    port = probed_port(check, instance)
    if isinstance(port, Unprobeable):
        return port
    if inside and check.port is None:
        return ((inside, _container_port(app, check.port_index or 0, port)),)
    if inside and runs_beside_task(check):
        return ((inside, port),)
    if not port:
        return Unprobeable(f"portIndex {check.port_index or 0} is not a port of the host")
    return tuple((host, port) for host in hosts(check, instance))


def _container_port(app: App, index: int, host_port: int) -> int:
    """Container port 0 stands for the number of the host's."""
    mappings = app.container.port_mappings if app.container is not None else None
    return (mappings[index].container_port if mappings and index < len(mappings) else 0) or host_port


def hosts(check: HealthCheck, instance: Instance) -> tuple[str, ...]:
    """Where to try, in order. Beside a task the loopback address counts, to which it may have bound alone."""
    return (instance.host, LOOPBACK) if runs_beside_task(check) else (instance.host,)


def is_tls(check: HealthCheck) -> bool:
    return check.protocol.endswith("HTTPS")


def is_success(status: int) -> bool:
    return 200 <= status <= 399


def readiness_target(check: ReadinessCheck, instance: Instance, app: App, inside: str = "") -> HttpTarget | Unprobeable:
    """The port of the app that is called `portName`; `inside` as for `targets`."""
    mappings = app.container.port_mappings if app.container is not None else None
    names = [port.name for port in (mappings if mappings is not None else app.port_definitions)]
    index = names.index(check.port_name) if check.port_name in names else len(names)
    if index >= len(instance.ports):
        return Unprobeable(f"the app has no port named '{check.port_name}'")
    host, port = instance.host, instance.ports[index]
    if inside:
        host, port = inside, _container_port(app, index, port)
    return HttpTarget(host, port, check.path, check.protocol == "HTTPS")
