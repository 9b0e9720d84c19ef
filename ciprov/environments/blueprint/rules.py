"""What Marathon demands of one app beyond the types of its fields."""

from __future__ import annotations

from collections.abc import Iterator

from ciprov.environments.blueprint.app_ports import AppPort, is_on_host_network, ports_of
from ciprov.environments.blueprint.fields import CONSTRAINT_OPERATORS
from ciprov.environments.blueprint.findings import Finding, Severity
from ciprov.environments.blueprint.nodes import Node
from ciprov.environments.blueprint.suggestions import did_you_mean, listed

Told = tuple[Node, str, str, str, Severity]
"""A node, the key below the app, what is wrong, the way out, how bad."""


def rule_findings(app: Node, key: str, file: str) -> list[Finding]:
    """All broken rules of the filled-in `app` at `key`."""
    found = [*_command(app), *_container(app), *_networks(app), *_constraints(app), *_ports(app), *_checks(app)]
    return [
        Finding(file, node.at.line, node.at.column, f"{key}.{below}", message, "", way_out, severity)
        for node, below, message, way_out, severity in found
    ]


def _command(app: Node) -> Iterator[Told]:
    cmd, args, container = app.get("cmd"), app.get("args"), app.get("container")
    if cmd and args and args.items():
        yield args, "args", "an app has cmd or args, not both", "remove one", Severity.ERROR
    docker = container.get("docker") if container else None
    if cmd and isinstance(cmd.value, str) and cmd.value.isspace():
        yield cmd, "cmd", "the command is blank", "give one, or remove the field", Severity.ERROR
    elif not (cmd and cmd.value != "") and not (args and args.items()) and not docker:
        yield app, "cmd", "there is nothing to run", "give cmd, args or a container with an image", Severity.ERROR


def _container(app: Node) -> Iterator[Told]:
    container = app.get("container")
    if container is None:
        return
    kind, docker = container.get("type"), container.get("docker")
    if kind is None and docker is not None:
        way_out = "write type: DOCKER, or MESOS for the universal containerizer"
        yield (
            container,
            "container.type",
            "this field is missing: releases take different defaults",
            way_out,
            Severity.WARNING,
        )
    if kind is not None and kind.value == "DOCKER" and docker is None:
        yield (
            container,
            "container.docker",
            "a container of type DOCKER needs an image",
            "add docker.image",
            Severity.ERROR,
        )
    volumes = container.get("volumes")
    for index, volume in enumerate(volumes.items() if volumes else []):
        key = f"container.volumes[{index}]"
        forms = [name for name in ("hostPath", "persistent", "external", "secret") if volume.get(name)]
        if not forms:
            way_out = "add hostPath, persistent, external or secret"
            yield volume, key, "it does not say what kind of volume it is", way_out, Severity.ERROR
        if len(forms) > 1:
            yield volume, key, f"a volume has one of {' and '.join(forms)}, not both", "remove one", Severity.ERROR


def _networks(app: Node) -> Iterator[Told]:
    networks = app.get("networks")
    modes: list[str] = []
    for index, network in enumerate(networks.items() if networks else []):
        mode, name = network.get("mode"), network.get("name")
        modes.append(mode.value if mode and isinstance(mode.value, str) else "container")
        if "${" in modes[-1]:
            continue
        if modes[-1] == "container" and name is None:
            yield network, f"networks[{index}].name", "a container network needs a name", "add name", Severity.ERROR
        if modes[-1] != "container" and name is not None:
            yield (
                name,
                f"networks[{index}].name",
                f"a network of mode {modes[-1]} has no name",
                "remove it",
                Severity.ERROR,
            )
    if networks and len(modes) > 1 and set(modes) != {"container"}:
        yield networks, "networks", "only container networks can be combined", "keep one network", Severity.ERROR


def _constraints(app: Node) -> Iterator[Told]:
    constraints = app.get("constraints")
    for index, constraint in enumerate(constraints.items() if constraints else []):
        items = constraint.items()
        if len(items) < 2 or not isinstance(items[1].value, str) or "${" in items[1].value:
            continue
        operator = items[1].value
        if operator not in CONSTRAINT_OPERATORS:
            way_out = did_you_mean(operator, CONSTRAINT_OPERATORS) or f"use one of {listed(CONSTRAINT_OPERATORS)}"
            message = f"there is no constraint operator {operator!r}"
            yield items[1], f"constraints[{index}][1]", message, way_out, Severity.ERROR


def _ports(app: Node) -> Iterator[Told]:
    ports = ports_of(app)
    for port in ports:
        if port.host_port and any(other.host_port == port.host_port for other in ports[: port.index]):
            yield port.node, _key(app, port), f"host port {port.host_port} stands twice in this app", "", Severity.ERROR
        elif port.service_port and any(other.service_port == port.service_port for other in ports[: port.index]):
            message = f"service port {port.service_port} stands twice in this app"
            yield port.node, _key(app, port), message, "write 0: ciprov allocates one", Severity.ERROR
        if port.name and any(other.name == port.name for other in ports[: port.index]):
            yield port.node, _key(app, port), f"there are two ports named {port.name!r}", "", Severity.ERROR
        if not port.needs_service_port and not port.has_open_number:
            message = "requirePorts with port 0: Marathon chooses a service port and then demands it as host port"
            yield port.node, _key(app, port), message, "give the port, or remove requirePorts", Severity.WARNING


def _key(app: Node, port: AppPort) -> str:
    return port_key(app, port.index)


def port_key(app: Node, index: int) -> str:
    """The key below the app of port number `index`."""
    if is_on_host_network(app):
        return f"{'portDefinitions' if app.get('portDefinitions') or not app.get('ports') else 'ports'}[{index}]"
    container = app.get("container")
    level = "container" if container and container.get("portMappings") else "container.docker"
    return f"{level}.portMappings[{index}]"


def _checks(app: Node) -> Iterator[Told]:
    ports = ports_of(app)
    names = {port.name for port in ports if port.name}
    checks, readiness = app.get("healthChecks"), app.get("readinessChecks")
    for index, check in enumerate(checks.items() if checks else []):
        key = f"healthChecks[{index}]"
        port_index, protocol = check.get("portIndex"), check.get("protocol")
        is_command = protocol is not None and protocol.value == "COMMAND"
        if port_index and isinstance(port_index.value, int) and port_index.value >= len(ports) and not is_command:
            way_out = f"its ports are 0 to {len(ports) - 1}" if ports else "the app has no ports: declare one"
            yield port_index, f"{key}.portIndex", f"there is no port {port_index.value}", way_out, Severity.ERROR
        if is_command and check.get("command") is None:
            yield check, f"{key}.command", "a COMMAND check needs a command", "add command: {value: …}", Severity.ERROR
    for index, check in enumerate(readiness.items() if readiness else []):
        key = f"readinessChecks[{index}]"
        if index:
            yield check, key, "an app has at most one readiness check", "remove it", Severity.ERROR
        name, interval, timeout = check.get("portName"), check.get("intervalSeconds"), check.get("timeoutSeconds")
        still_open = any(port.has_open_name for port in ports) or (name is not None and "${" in str(name.value))
        if name is not None and name.value not in names and not still_open:
            way_out = did_you_mean(str(name.value), names) or f"its named ports are {listed(names)}"
            yield name, f"{key}.portName", f"there is no port named {name.shown}", way_out, Severity.ERROR
        seconds = (timeout.value if timeout else 10, interval.value if interval else 30)
        if all(isinstance(one, int) for one in seconds) and seconds[0] >= seconds[1]:
            message = f"the time-out of {seconds[0]} s is not below the interval of {seconds[1]} s"
            yield timeout or check, f"{key}.timeoutSeconds", message, "shorten the time-out", Severity.ERROR
