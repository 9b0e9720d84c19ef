"""Mesos' general check, an app's `check`: asked beside the task, and passed on without a judgement."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Mapping
from typing import Any

from ciprov.localcluster.definitions.app import App, HealthCheck
from ciprov.localcluster.model import Instance
from ciprov.localcluster.probes import network, plan
from ciprov.localcluster.probes.answers import CommandFailed, ProbeFailed
from ciprov.localcluster.probes.command import Place

Result = Mapping[str, Mapping[str, Any]]
"""As Marathon shows it: by the check's kind, `exitCode`, `statusCode` or `succeeded`; empty where nothing came back."""


def in_words_of_health(check: Mapping[str, Any]) -> HealthCheck:
    """Where and how an HTTP or TCP check asks, as the Mesos health check that does the same."""
    kind = "http" if "http" in check else "tcp"
    how = check[kind]
    scheme = how.get("scheme", "HTTP") if kind == "http" else "TCP"
    return HealthCheck(
        protocol=f"MESOS_{scheme}",
        path=how.get("path") or "/",
        port=how.get("port"),
        port_index=how.get("portIndex"),
    )


def command_of(check: Mapping[str, Any]) -> str:
    """The command of an `exec` check as a line for the shell."""
    command = check["exec"]["command"]
    return str(command["shell"]) if "shell" in command else "exec " + shlex.join(command["argv"])


async def asked(check: Mapping[str, Any], instance: Instance, app: App, inside: str) -> Result:
    """Ask once, by HTTP or TCP; `inside` is the address of the task's own network, if it has one."""
    wanted = in_words_of_health(check)
    targets = plan.targets(wanted, instance, app, inside)
    for host, port in () if isinstance(targets, plan.Unprobeable) else targets:
        try:
            async with asyncio.timeout(check["timeoutSeconds"] or None):
                if "tcp" in check:
                    await network.connect(host, port)
                    return {"tcp": {"succeeded": True}}
                answer = await network.get(network.HttpTarget(host, port, wanted.path or "/", plan.is_tls(wanted)))
                return {"http": {"statusCode": answer.status}}
        except (TimeoutError, ProbeFailed):
            continue
    return {"tcp": {"succeeded": False}} if "tcp" in check else {}


async def run(check: Mapping[str, Any], place: Place) -> Result:
    """Run the command of an `exec` check once."""
    try:
        async with asyncio.timeout(check["timeoutSeconds"] or None):
            await place.run(command_of(check))
    except CommandFailed as failure:
        return {"exec": {"exitCode": failure.exit_code}} if failure.exit_code is not None else {}
    except (TimeoutError, ProbeFailed):
        return {}
    return {"exec": {"exitCode": 0}}
