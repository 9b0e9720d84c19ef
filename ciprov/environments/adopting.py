"""`adopt`: finds an environment whose record was lost, and records it again. Nothing is written to Marathon."""

from __future__ import annotations

from dataclasses import dataclass

from ciprov.domain.environment import EnvironmentRecord
from ciprov.environments.adoption import Foundling, rebuild, unrecorded
from ciprov.environments.desired import ENV_LABEL
from ciprov.environments.hooks.one_off import is_hook
from ciprov.environments.outlook import refuse_foreign
from ciprov.environments.outside import Outside
from ciprov.environments.session import Report
from ciprov.environments.status import NoSuchEnvironment
from ciprov.environments.tree import apps_of
from ciprov.foundation.errors import CiprovError

_WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Adopter:
    """What the user calls the environment, and who owns it from now on."""

    given_name: str
    owner: str


def adopt(outside: Outside, name: str, group_path: str, adopter: Adopter, report: Report) -> EnvironmentRecord:
    """Raises `NoSuchEnvironment`, `NotOurs`, `LockHeld`, and `CiprovError` where a record is there already."""
    cluster = outside.context.cluster
    with (
        outside.environment_locked(name, "env adopt", _WAIT_SECONDS, report),
        outside.ports_locked("env adopt", report),
    ):
        if outside.store.get(cluster, name) is not None:
            raise CiprovError(
                f"environment {name} is recorded already",
                place=outside.marathon.target,
                way_out=f"`ciprov env status {name}` shows how it stands",
            )
        live = outside.marathon.group(group_path)
        apps = {app_id: app for app_id, app in apps_of(live).items() if not is_hook(app)}
        if not apps:
            raise _nothing(outside, name, group_path)
        refuse_foreign(name, group_path, live)
        found = Foundling(cluster, name, group_path, apps, adopter.given_name, adopter.owner)
        with outside.entry(name, "adopt", f"{len(apps)} apps") as entry:
            record = outside.store.save(rebuild(found, outside.context.clock.now()))
            entry.end("adopted")
    return record


def _nothing(outside: Outside, name: str, group_path: str) -> NoSuchEnvironment:
    apps = outside.marathon.apps()
    elsewhere = sorted(str(app["id"]) for app in apps if (app.get("labels") or {}).get(ENV_LABEL) == name)
    if elsewhere:
        return NoSuchEnvironment(
            f"no app of environment {name} is below {group_path}; apps that carry its label are {', '.join(elsewhere)}",
            place=outside.marathon.target,
            way_out="set the cluster's `prefix` to the group above the environment's (CIPROV_PREFIX)",
        )
    names = unrecorded(apps, (record.name for record in outside.store.list(outside.context.cluster)))
    hint = f"environments without a record: {', '.join(names)}" if names else "every environment there has its record"
    return NoSuchEnvironment(f"there is no app below {group_path}", place=outside.marathon.target, way_out=hint)
