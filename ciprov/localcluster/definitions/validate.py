"""The rules of a definition in normal form that single values cannot break."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from ciprov.localcluster.definitions.app import App, HealthCheck, ReadinessCheck
from ciprov.localcluster.definitions.errors import Violation
from ciprov.localcluster.definitions.ids import faults, parent, top_level
from ciprov.localcluster.definitions.validate_container import container_violations, network_violations
from ciprov.localcluster.definitions.validate_placement import placement_violations

FEATURES = ("external_volumes",)
"""What a cluster's operator may switch on, and this cluster has."""

SINGLE_INSTANCE_LABEL = "MARATHON_SINGLE_INSTANCE_APP"
_MIGRATION_VERSION = "DCOS_MIGRATION_API_VERSION"
_MIGRATION_LABELS = ("DCOS_PACKAGE_FRAMEWORK_NAME", "DCOS_MIGRATION_API_PATH")
_MARATHON_CHECKS = ("HTTP", "HTTPS", "TCP")
_MESOS_CHECKS = ("MESOS_HTTP", "MESOS_HTTPS", "MESOS_TCP")


def app_violations(app: App) -> Iterator[Violation]:
    """Every broken rule of one app; the group it stands in is not looked at."""
    yield from _identity(app)
    yield from _command(app)
    yield from _ports(app)
    yield from network_violations(app)
    yield from container_violations(app)
    yield from placement_violations(app)
    for index, check in enumerate(app.health_checks):
        yield from _health_check(app, check, f"/healthChecks({index})")
    if sum(check.protocol in _MESOS_CHECKS for check in app.health_checks) > 1:
        yield Violation("/", "AppDefinition can contain at most one Mesos health check")
    yield from _check(app)
    yield from _readiness(app)
    yield from _strategies(app)
    yield from _migration(app)
    yield from _extras(app)


def _identity(app: App) -> Iterator[Violation]:
    if app.id == "/":
        yield Violation("/id", "Path must contain at least one path element")
    for fault in faults(app.id):
        yield Violation("/id", fault)
    for index, dependency in enumerate(app.dependencies):
        for fault in faults(dependency):
            yield Violation(f"/dependencies({index})", fault)
    roles = {"*", top_level(app.id)} if parent(app.id) != "/" else {"*"}
    if app.role not in roles:
        yield Violation("/role", f"got {app.role}, expected one of: {', '.join(sorted(roles))}")
    accepted = app.accepted_resource_roles
    if accepted is not None:
        if not accepted:
            yield Violation("/acceptedResourceRoles", "must not be empty")
        elif wrong := sorted(set(accepted) - {"*", app.role}):
            yield Violation(
                "/acceptedResourceRoles",
                f"acceptedResourceRoles can only contain *, or the specified role of the app, not: {', '.join(wrong)}",
            )


def _command(app: App) -> Iterator[Violation]:
    if app.cmd is not None and len(app.cmd) <= 1:
        yield Violation("/", "must not be an empty string")
    image = app.container is not None and (app.container.docker is not None or app.container.type == "MESOS")
    if (app.cmd is not None and app.args) or not (app.cmd is not None or app.args or image):
        yield Violation("/", "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'.")


def _ports(app: App) -> Iterator[Violation]:
    numbers = [item.port for item in app.port_definitions if item.port]
    if len(set(numbers)) != len(numbers):
        yield Violation("/portDefinitions", "Ports must be unique.")
    names = [item.name for item in app.port_definitions if item.name is not None]
    if len(set(names)) != len(names):
        yield Violation("/portDefinitions", "Port names must be unique.")


def _health_check(app: App, check: HealthCheck, path: str) -> Iterator[Violation]:
    if (check.protocol == "COMMAND") != (check.command is not None):
        wanted = "needs a command" if check.command is None else f"cannot go with protocol {check.protocol}"
        yield Violation(path, f"Health check of protocol {check.protocol} {wanted}.")
    ports = len(app.service_ports)
    if check.protocol in _MARATHON_CHECKS and check.command is None:
        index = check.port_index
        if not (index < ports if index is not None else check.port is not None or ports == 1):
            yield Violation(
                path, "Health check port indices must address an element of the ports array or container port mappings."
            )
    in_docker = app.container is not None and app.container.type == "DOCKER"
    if check.ip_protocol != "IPv4" and not (in_docker and check.protocol in _MESOS_CHECKS):
        yield Violation(path, "IPv6 can only be used for container type DOCKER and Mesos http/https/tcp health checks")


def _check(app: App) -> Iterator[Violation]:
    check = app.check
    if check is None:
        return
    kinds = [kind for kind in ("http", "tcp", "exec") if kind in check]
    if len(kinds) != 1:
        yield Violation("/check", "must be exactly one of http, tcp and exec")
    for kind in kinds:
        if kind == "exec":
            command = check[kind]["command"]
            if ("shell" in command) == bool(command.get("argv")):
                yield Violation("/check/exec/command", "must be either shell or argv")
        elif "port" not in check[kind] and check[kind].get("portIndex", 0) >= len(app.service_ports):
            yield Violation(
                f"/check/{kind}/portIndex",
                "Check port indices must address an element of the ports array or container port mappings.",
            )


def _readiness(app: App) -> Iterator[Violation]:
    checks = app.readiness_checks
    if len(checks) > 1:
        yield Violation("/readinessChecks", f"got {len(checks)}, expected 1 or less")
    named = {item.name for item in app.port_definitions}
    if app.container is not None and app.container.port_mappings is not None:
        named = {item.name for item in app.container.port_mappings}
    for index, check in enumerate(checks):
        yield from _readiness_check(check, named, f"/readinessChecks({index})")


def _readiness_check(check: ReadinessCheck, named: set[str | None], path: str) -> Iterator[Violation]:
    if check.port_name not in named:
        yield Violation(f"{path}/portName", f"No port definition reference for portName {check.port_name}")
    if check.timeout_seconds >= check.interval_seconds:
        yield Violation(
            f"{path}/timeoutSeconds", f"got {check.timeout_seconds}, expected less than {check.interval_seconds}"
        )


def _migration(app: App) -> Iterator[Violation]:
    version = app.labels.get(_MIGRATION_VERSION)
    if version and (version != "v1" or not all(app.labels.get(name) for name in _MIGRATION_LABELS)):
        yield Violation("/", f"{_MIGRATION_VERSION} must be v1, with {' and '.join(_MIGRATION_LABELS)} beside it")


def _strategies(app: App) -> Iterator[Violation]:
    strategy = app.upgrade_strategy
    single = app.labels.get(SINGLE_INSTANCE_LABEL) == "true"
    if single and app.instances > 1:
        yield Violation("/", "Single instance app may only have one instance")
    if single and strategy.minimum_health_capacity != 0:
        yield Violation("/upgradeStrategy/minimumHealthCapacity", f"got {strategy.minimum_health_capacity}, expected 0")
    if (single or app.resident) and strategy.maximum_over_capacity != 0:
        yield Violation("/upgradeStrategy/maximumOverCapacity", f"got {strategy.maximum_over_capacity}, expected 0")
    unreachable = app.unreachable_strategy
    if isinstance(unreachable, str):
        return
    if app.resident:
        yield Violation("/", "unreachableStrategy must be disabled for resident tasks")
    inactive, expunge = unreachable.get("inactiveAfterSeconds", 0), unreachable.get("expungeAfterSeconds", 0)
    if inactive > expunge:
        yield Violation("/unreachableStrategy/inactiveAfterSeconds", f"must be at most expungeAfterSeconds ({expunge})")


def _extras(app: App) -> Iterator[Violation]:
    for index, item in enumerate(app.fetch):
        try:
            urlsplit(item.uri)
            sound = not any(sign.isspace() for sign in item.uri)
        except ValueError:
            sound = False
        if not sound:
            yield Violation(f"/fetch({index})/uri", "URI has invalid syntax.")
    if app.secrets:
        yield Violation("/secrets", "Feature secrets is not enabled; this cluster has no secret store")
    for name, value in app.env.items():
        if not name or "=" in name or "\0" in name:
            yield Violation("/env", f"'{name}' cannot name an environment variable")
        if isinstance(value, dict):
            yield Violation(f"/env/{name}", "Feature secrets is not enabled; this cluster has no secret store")
    if app.gpus:
        yield Violation("/gpus", "Feature gpu_resources is not enabled; this cluster offers no gpus")
    limits = app.resource_limits or {}
    for name, requested in (("cpus", app.cpus), ("mem", app.mem)):
        limit = limits.get(name, "unlimited")
        if limit != "unlimited" and limit < requested:
            yield Violation(
                f"/resourceLimits/{name}", f"must be greater than or equal to the requested resource ({requested})"
            )
