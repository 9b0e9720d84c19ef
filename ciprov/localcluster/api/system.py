"""The rest: info, leader, ping, metrics, and what this cluster has none of (plugins, pods)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from ciprov.localcluster.api.agents import FRAMEWORK_ID
from ciprov.localcluster.api.answers import Json
from ciprov.localcluster.api.port import Engine
from ciprov.localcluster.definitions.old_forms import MESOS_BRIDGE
from ciprov.localcluster.definitions.validate import FEATURES
from ciprov.localcluster.model import Condition
from ciprov.localcluster.tree.service_ports import SERVICE_PORTS

MARATHON_VERSION = "1.11.24"
"""The version whose behaviour this cluster reproduces, and which it reports to clients that ask."""


def routes(engine: Engine, address: str) -> list[Route]:
    """`address` is `host:port`, where the API listens."""
    started = time.monotonic()
    answers: Mapping[str, Callable[[], Response]] = {
        "GET /": lambda: RedirectResponse("/ui/", 302),
        "GET /ping": lambda: PlainTextResponse("pong"),
        "GET /metrics": lambda: Json(gauges(engine, time.monotonic() - started)),
        "GET /v2/info": lambda: Json(describe(address)),
        "GET /v2/leader": lambda: Json({"leader": address}),
        # It is elected again at once: there is no other.
        "DELETE /v2/leader": lambda: Json({"message": "Leadership abdicated"}),
        "GET /v2/plugins": lambda: Json({"plugins": []}),
        "GET /v2/pods": lambda: Json([]),
        "GET /v2/pods/::status": lambda: Json([]),
        "POST /v2/pods": lambda: Json({"message": "This cluster runs apps, but no pods"}, 501),
    }
    return [_route(name, answer) for name, answer in answers.items()]


def _route(name: str, answer: Callable[[], Response]) -> Route:
    method, path = name.split(" ")

    async def endpoint(_: Request) -> Response:
        return answer()

    return Route(path, endpoint, methods=[method])


def describe(address: str) -> dict[str, Any]:
    """The answer of `/v2/info`."""
    host, _, port = address.rpartition(":")
    return {
        "name": "marathon",
        "version": MARATHON_VERSION,
        "buildref": "ciprov",
        "elected": True,
        "leader": address,
        "frameworkId": FRAMEWORK_ID,
        "marathon_config": {
            "checkpoint": True,
            "executor": "//cmd",
            "failover_timeout": 604800,
            "features": list(FEATURES),
            "framework_name": "marathon",
            "ha": False,
            "hostname": host,
            "local_port_min": SERVICE_PORTS[0],
            "local_port_max": SERVICE_PORTS[-1],
            "master": address,
            "mesos_bridge_name": MESOS_BRIDGE,
            "mesos_leader_ui_url": f"http://{address}",
            "mesos_role": "*",
            "new_group_enforce_role": "off",
            "webui_url": f"http://{address}",
        },
        "zookeeper_config": {},
        "http_config": {"http_port": int(port), "https_port": None},
    }


def gauges(engine: Engine, uptime_seconds: float) -> dict[str, Any]:
    """The answer of `/metrics`."""
    conditions = Counter(instance.condition for instance in engine.instances())
    values = {
        "marathon.apps.active.gauge": sum(1 for _ in engine.root.all_apps()),
        "marathon.groups.active.gauge": sum(1 for _ in engine.root.all_groups()),
        "marathon.deployments.active.gauge": len(engine.deployments()),
        "marathon.instances.running.gauge": conditions[Condition.RUNNING],
        "marathon.instances.staged.gauge": conditions[Condition.STAGING],
        "marathon.instances.launch-queue.gauge": sum(entry.count for entry in engine.queue()),
        "marathon.leadership.duration.gauge.seconds": round(uptime_seconds, 3),
        "marathon.uptime.gauge.seconds": round(uptime_seconds, 3),
    }
    return {
        "version": "4.0.0",
        "gauges": {name: {"value": value} for name, value in values.items()},
        "counters": {},
        "histograms": {},
        "meters": {},
        "timers": {},
    }
