"""A lost record, rebuilt from the identity labels and the live group. Pure.

What the cluster cannot tell stays unknown: the blueprint's text, parameters, kind, routes and time to live. So `down`,
`status` and `show` work at once, and `up` wants its blueprint again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from ciprov.domain.environment import EnvironmentRecord, Phase
from ciprov.environments.desired import BLUEPRINT_LABEL, ENV_LABEL
from ciprov.environments.fixed_ports import fixed_host_ports
from ciprov.environments.needs import instance_needs
from ciprov.environments.normalise import normal_form
from ciprov.environments.tree import relative
from ciprov.foundation.json import JsonObject


@dataclass(frozen=True, slots=True)
class Foundling:
    """An environment without a record: `apps` are its live apps by absolute id; `given_name` is what the user says."""

    cluster: str
    name: str
    group_path: str
    apps: Mapping[str, JsonObject]
    given_name: str = ""
    owner: str = ""


def rebuild(found: Foundling, now: datetime) -> EnvironmentRecord:
    """The record as far as the cluster can tell it. It was made when the oldest of its apps was."""
    sick = sorted(relative(app_id, found.group_path) for app_id, app in found.apps.items() if not _is_up(app))
    return EnvironmentRecord(
        cluster=found.cluster,
        name=found.name,
        group_path=found.group_path,
        blueprint=_blueprint(found.apps.values()),
        blueprint_file="",
        blueprint_source="",
        kind="",
        phase=Phase.FAILED if sick else Phase.READY,
        created_at=min([moment for app in found.apps.values() if (moment := _made(app))], default=now),
        updated_at=now,
        owner=found.owner,
        cpus=_in_all(found, "cpus"),
        mem=_in_all(found, "mem"),
        service_ports=_service_ports(found),
        app_ids=tuple(sorted(found.apps)),
        counts={app_id: int(app.get("instances", 1)) for app_id, app in found.apps.items()},
        claimed_ports={app_id: ports for app_id, app in found.apps.items() if (ports := fixed_host_ports(app))},
        failure=f"adopted while not all of it was up: {', '.join(sick)}" if sick else "",
        given_name=found.given_name,
    )


def unrecorded(apps: Iterable[JsonObject], recorded: Iterable[str]) -> tuple[str, ...]:
    """The names of environments that labels of live apps tell of and records do not."""
    labelled = {str(name) for app in apps if (name := (app.get("labels") or {}).get(ENV_LABEL))}
    return tuple(sorted(labelled - set(recorded)))


def _blueprint(apps: Iterable[JsonObject]) -> str:
    named = Counter(str(name) for app in apps if (name := (app.get("labels") or {}).get(BLUEPRINT_LABEL)))
    return min(named, key=lambda name: (-named[name], name)) if named else ""


def _service_ports(found: Foundling) -> dict[str, int]:
    ports = {}
    for app_id, app in sorted(found.apps.items()):
        form = normal_form(app)
        container = form.get("container")
        mappings = container.get("portMappings") if isinstance(container, dict) else None
        for index, port in enumerate(mappings or form.get("portDefinitions") or []):
            number = port.get("servicePort") or port.get("port") or 0
            if isinstance(number, int) and number:
                ports[f"{relative(app_id, found.group_path)}/{port.get('name') or index}"] = number
    return ports


def _in_all(found: Foundling, resource: str) -> float:
    return sum(instance_needs(app)[resource] * int(app.get("instances", 1)) for app in found.apps.values())


def _is_up(app: JsonObject) -> bool:
    counted = int(app.get("tasksHealthy" if app.get("healthChecks") else "tasksRunning") or 0)
    return counted >= int(app.get("instances", 1))


def _made(app: JsonObject) -> datetime | None:
    text = (app.get("versionInfo") or {}).get("lastConfigChangeAt") or app.get("version")
    try:
        return datetime.fromisoformat(str(text).replace("Z", "+00:00")).astimezone(UTC)
    except ValueError:
        return None
