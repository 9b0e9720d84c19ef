"""The environment variables that Marathon gives a task. Pure.

Later ones win: metadata, then ports and HOST, then the app's own `env`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.model import Instance

_LONGEST_LABEL = 512
"""Labels whose name or value is longer are left out, as Marathon leaves them out."""


def task_environment(app: App, instance: Instance) -> dict[str, str]:
    """All variables but MESOS_SANDBOX, which the runtime knows. `app` is the definition that the instance runs."""
    own = {name: value for name, value in app.env.items() if isinstance(value, str)}
    return {**_metadata(app, instance), **_ports(app, instance), "HOST": instance.host, **own}


def _metadata(app: App, instance: Instance) -> dict[str, str]:
    image = app.container.docker.image if app.container and app.container.docker else ""
    labels = {
        re.sub(r"[^a-zA-Z0-9_]+", "_", name).upper(): value
        for name, value in app.labels.items()
        if len(name) < _LONGEST_LABEL and len(value) < _LONGEST_LABEL
    }
    return {
        "MARATHON_APP_ID": app.id,
        "MARATHON_APP_VERSION": instance.app_version,
        **({"MARATHON_APP_DOCKER_IMAGE": image} if image else {}),
        "MARATHON_APP_RESOURCE_CPUS": str(float(app.cpus)),
        "MARATHON_APP_RESOURCE_MEM": str(float(app.mem)),
        "MARATHON_APP_RESOURCE_DISK": str(float(app.disk)),
        "MARATHON_APP_RESOURCE_GPUS": str(app.gpus),
        "MARATHON_APP_LABELS": " ".join(labels),
        **{f"MARATHON_APP_LABEL_{name}": value for name, value in labels.items()},
        "MESOS_TASK_ID": instance.task_id,
    }


def _ports(app: App, instance: Instance) -> dict[str, str]:
    """Always host ports, in bridge mode too; what takes no host port has no variable."""
    actual = instance.ports
    if not any(actual):
        return {}
    variables = {f"PORT{index}": str(port) for index, port in enumerate(actual) if port}
    for (requested, name), port in zip(_asked(app), actual, strict=False):
        if port:
            variables[f"PORT_{requested or port}"] = str(port)
            if name:
                variables["PORT_" + re.sub(r"[^A-Z0-9_]", "_", name.upper())] = str(port)
    given = [str(port) for port in actual if port]
    return {"PORT": given[0], "PORTS": ",".join(given), **variables}


def _asked(app: App) -> Sequence[tuple[int, str | None]]:
    """Requested port and name of each port, in order."""
    if app.host_networking:
        return [(definition.port, definition.name) for definition in app.port_definitions]
    mappings = app.container.port_mappings if app.container else None
    return [(mapping.container_port, mapping.name) for mapping in mappings or ()]
