"""Hooks before `down`: from the record, and made like the apps that run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from ciprov.domain.environment import EnvironmentRecord
from ciprov.environments.blueprint.findings import BlueprintError
from ciprov.environments.blueprint.parameters import Secret
from ciprov.environments.blueprint.secrecy import fingerprint
from ciprov.environments.desired import BLUEPRINT_LABEL, ENV_LABEL
from ciprov.environments.endpoints import Addresses, endpoints
from ciprov.environments.fixed_ports import fixed_host_ports
from ciprov.environments.hooks.due import down_has_hooks
from ciprov.environments.hooks.one_off import is_hook
from ciprov.environments.hooks.recorded import RecordedHooks, recorded_hooks
from ciprov.environments.hooks.records import HookChoice, Stage
from ciprov.environments.hooks.running import run_hooks
from ciprov.environments.hooks.scene import Scene
from ciprov.environments.live_values import values_of
from ciprov.environments.outside import Outside
from ciprov.environments.session import Session
from ciprov.environments.variables import environment_variables
from ciprov.foundation.errors import CiprovError
from ciprov.foundation.json import JsonObject


class DownStopped(CiprovError):
    """A hook failed before anything was stopped."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            f"environment {name} was not taken down: {reason}",
            way_out=f"repair it and repeat the command; `ciprov env down {name} --skip-hooks` removes it without hooks",
        )


def hooks_before_down(
    outside: Outside, record: EnvironmentRecord, live: Mapping[str, JsonObject], choice: HookChoice
) -> RecordedHooks:
    """Those that are due. Raises `DownStopped` where the recorded blueprint has some and cannot be read any more."""
    if not down_has_hooks(record, len(live), choice):
        return RecordedHooks()
    context = outside.context
    try:
        return recorded_hooks(record, Stage.BEFORE_DOWN, outside.here.variables(), context.service_address)
    except BlueprintError as error:
        raise DownStopped(record.name, f"its recorded blueprint cannot be read\n{error}") from error


def hidden_values(found: RecordedHooks, record: EnvironmentRecord, live: Mapping[str, JsonObject]) -> frozenset[str]:
    """What no output may show. Of a secret that is not at hand, the record tells which variable of an app is it; where
    none is, any of them may hold it.
    """
    values = {value for app in live.values() for value in (app.get("env") or {}).values() if isinstance(value, str)}
    hidden = set(found.secrets)
    for name in found.unknown:
        mark, salt = record.secret_fingerprints.get(name), f"{record.group_path}/{name}"
        same = {value for value in values if fingerprint(Secret(value), salt) == mark}
        hidden |= same or values_of(live)
    return frozenset(hidden)


def run_before_down(
    found: RecordedHooks, outside: Outside, session: Session, record: EnvironmentRecord, live: Mapping[str, JsonObject]
) -> tuple[str, ...]:
    """The names of those that ran. Raises `HookFailed`, `MarathonGone` and `LockHeld`."""
    context = outside.context
    apps = {app_id: app for app_id, app in live.items() if not is_hook(app)}
    there = {app_id: (session.app(app_id) or app) if fixed_host_ports(app) else app for app_id, app in apps.items()}
    addresses = Addresses(record.group_path, context.service_address, record.service_ports, record.routes)
    scene = Scene(
        session=session,
        here=outside.here,
        apps=apps,
        directory=str(PurePosixPath(record.blueprint_file).parent),
        variables=environment_variables(record, addresses.front_url, endpoints(there, addresses)),
        labels={ENV_LABEL: record.name, BLUEPRINT_LABEL: record.blueprint},
    )
    return tuple(run_hooks(found.hooks, scene))
