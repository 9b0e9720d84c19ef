"""The app that runs a command once on the cluster, and what its state says of the command.

Marathon knows no tasks that end. So the command's wrapper stays when the command went well, which a health check sees
by a mark, and ends with the command's status when it failed, with a back-off that keeps it from being repeated.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ciprov.environments.current import current_tasks
from ciprov.environments.hooks.records import HOOK_LABEL, Hook
from ciprov.environments.normalise import normal_form
from ciprov.foundation.json import JsonObject

COMMAND_VARIABLE = "CIPROV_HOOK_COMMAND"
RUN_VARIABLE = "CIPROV_HOOK_RUN"
"""Tells one run from every other, so that a lost answer does not start a second one."""

CPUS, MEM = 0.1, 64.0
_NEVER_AGAIN = 86400
_MARKS = ('"$MESOS_SANDBOX/.ciprov-hook-done"', '"/tmp/.ciprov-hook-done-$MESOS_TASK_ID"')
"""The second one is for images whose user may not write to the sandbox."""

WRAPPER = f"""trap 'kill -s TERM "$child" 2>/dev/null; exit 143' TERM
/bin/sh -c "${COMMAND_VARIABLE}" & child=$!
wait "$child"; status=$?
[ "$status" = 0 ] || exit "$status"
( : > {_MARKS[0]} ) 2>/dev/null || : > {_MARKS[1]}
while :; do sleep 3600 & child=$!; wait "$child"; done"""

_TAKEN = ("container", "env", "fetch", "user", "networks", "secrets", "constraints", "acceptedResourceRoles", "role")
_OF_THE_APP_ALONE = ("name", "hostname", "net-alias", "network-alias", "ip", "publish", "p", "expose", "restart")
"""Parameters of docker that a second container cannot have too."""


def app_id(hook: Hook, group_path: str) -> str:
    return f"{group_path.rstrip('/')}/ciprov-hook-{hook.name}"


def is_hook(app: JsonObject) -> bool:
    """Whether a live app is one that runs a hook: it belongs to nobody's plan, and must never be brought back."""
    return HOOK_LABEL in (app.get("labels") or {})


def definition(hook: Hook, base: JsonObject, group_path: str, labels: Mapping[str, str], run: str) -> JsonObject:
    """The app for one run of `hook`, made like `base`, the app that it names ({} for none), in any of Marathon's
    spellings. It has no ports, no checks but its own, and no volume that outlives it.
    """
    form = normal_form(base) if base else {}
    app: JsonObject = {key: copy.deepcopy(form[key]) for key in _TAKEN if key in form}
    if "container" in app:
        app["container"] = _container(app["container"], app.get("networks") or [])
    env = {**app.get("env", {}), **hook.env, COMMAND_VARIABLE: hook.run, RUN_VARIABLE: run}
    return {
        **app,
        "id": app_id(hook, group_path),
        "cmd": WRAPPER,
        "env": env,
        "instances": 1,
        "cpus": form.get("cpus", CPUS) if hook.cpus is None else hook.cpus,
        "mem": form.get("mem", MEM) if hook.mem is None else hook.mem,
        "disk": form.get("disk", 0) if hook.disk is None else hook.disk,
        "labels": {**labels, HOOK_LABEL: hook.name},
        **({} if _modes(app) & {"container", "container/bridge"} else {"portDefinitions": []}),
        "backoffSeconds": _NEVER_AGAIN,
        "maxLaunchDelaySeconds": _NEVER_AGAIN,
        "unreachableStrategy": "disabled",
        "healthChecks": [
            {
                "protocol": "COMMAND",
                "command": {"value": " || ".join(f"test -e {mark}" for mark in _MARKS)},
                "gracePeriodSeconds": hook.timeout + _NEVER_AGAIN,
                "intervalSeconds": 1,
                "timeoutSeconds": 10,
                "delaySeconds": 1,
                "maxConsecutiveFailures": 1_000_000,
            }
        ],
    }


class State(StrEnum):
    RUNS = "runs"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a run stands. `reason` says why it failed; `task` and `agent` are whose sandbox holds its output."""

    state: State
    reason: str = ""
    task: str = ""
    agent: str = ""


def verdict(app: JsonObject | None, run: str) -> Verdict:
    """What the app says of its run; `app` as Marathon answers it with tasks and last failure, None where it is gone."""
    if app is None:
        return Verdict(State.FAILED, "somebody else removed its app")
    if (app.get("env") or {}).get(RUN_VARIABLE) != run:
        return Verdict(State.FAILED, "somebody else replaced its app")
    failure = app.get("lastTaskFailure")
    since = (app.get("versionInfo") or {}).get("lastConfigChangeAt") or ""
    if failure and str(failure.get("version") or since) >= since:  # Marathon may keep that of an app deleted before
        message = str(failure.get("message") or "").strip() or str(failure.get("state") or "no reason given")
        return Verdict(State.FAILED, message, str(failure.get("taskId") or ""), str(failure.get("slaveId") or ""))
    tasks = current_tasks(app)
    for task in tasks:
        done = any(result.get("alive") for result in task.get("healthCheckResults") or [])
        state = State.DONE if done else State.RUNS
        return Verdict(state, "", str(task.get("id") or ""), str(task.get("slaveId") or ""))
    return Verdict(State.RUNS)


def _container(container: JsonObject, networks: list[JsonObject]) -> JsonObject:
    kept = {key: value for key, value in container.items() if key not in ("portMappings", "volumes")}
    volumes = [one for one in container.get("volumes") or [] if not one.get("persistent") and not one.get("external")]
    if volumes:
        kept["volumes"] = volumes
    if any(network.get("mode") == "container/bridge" for network in networks):
        kept["portMappings"] = []
    docker = kept.get("docker")
    if isinstance(docker, dict) and docker.get("parameters"):
        kept["docker"] = {
            **docker,
            "parameters": [one for one in docker["parameters"] if one.get("key") not in _OF_THE_APP_ALONE],
        }
    return kept


def _modes(app: JsonObject) -> set[str]:
    return {str(network.get("mode")) for network in app.get("networks") or []}
