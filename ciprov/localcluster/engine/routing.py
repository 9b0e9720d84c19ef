"""Which tasks serve which service port: the wanted state of the forwarder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.engine.state import State
from ciprov.localcluster.model import Condition, Instance
from ciprov.localcluster.scheduling.matching import host_ports

Target = tuple[str, int]


def app_routes(app: App, running: Iterable[tuple[Instance, App]], service_host: str) -> dict[int, tuple[Target, ...]]:
    """Service port -> targets of one app. `running` are its instances with the definitions that they run.

    Only TCP is forwarded. Nothing must be where a container is published on the service port itself, on the host of the
    services, for it is wherever services are. A process is there at that host only, and until it serves nothing must
    be in its way.
    """
    routes: dict[int, list[Target]] = {
        service: [] for service, host, protocol in _ports(app) if service and host != service and "tcp" in protocol
    }
    own: set[int] = set()
    ports, ports_of = _ports(app), app
    for instance, definition in running:
        serves = instance.condition is Condition.RUNNING and instance.healthy is not False
        if not instance.ports or instance.condition not in (Condition.STAGING, Condition.RUNNING):
            continue
        if definition is not ports_of:  # hundreds of instances have the same one
            ports, ports_of = _ports(definition), definition
        for (service, _, protocol), port in zip(ports, instance.ports, strict=False):
            if service and port and "tcp" in protocol:
                if serves:
                    routes.setdefault(service, []).append((instance.host, port))
                if service == port and instance.host == service_host and (not serves or _is_published(definition)):
                    own.add(service)
    return {service: tuple(targets) for service, targets in routes.items() if service not in own}


def _is_published(app: App) -> bool:
    return not app.host_networking and app.container is not None and app.container.docker is not None


def _ports(app: App) -> list[tuple[int, int | None, str]]:
    """Service port, wanted host port and protocol of each port, in order."""
    mappings = app.container.port_mappings if app.container else None
    ports = app.port_definitions if app.host_networking or mappings is None else mappings
    protocols = [port.protocol for port in ports]
    return list(zip(app.service_ports, host_ports(app), protocols, strict=False))


class Routing:
    """Keeps the routes of each app; a change looks at the changed apps only."""

    def __init__(self, state: State, service_host: str) -> None:
        self._state = state
        self._service_host = service_host
        self._apps: dict[str, dict[int, tuple[Target, ...]]] = {}
        self._changed = False

    def refresh(self, app_ids: Iterable[str]) -> None:
        for app_id in app_ids:
            app = self._state.apps.get(app_id)
            instances = self._state.by_app.get(app_id, ())
            running = ((item, self._state.definition(item)) for item in instances)
            routes = app_routes(app, running, self._service_host) if app else {}
            if routes != self._apps.get(app_id, {}):
                self._apps[app_id] = routes
                self._changed = True
            if not routes:
                self._apps.pop(app_id, None)

    def changed(self) -> dict[int, Sequence[Target]] | None:
        """All routes, if they differ from those given last."""
        if not self._changed:
            return None
        self._changed = False
        merged: dict[int, Sequence[Target]] = {}
        for routes in self._apps.values():
            for service, targets in routes.items():
                merged[service] = (*merged.get(service, ()), *targets)
        return merged
