"""The rest: info, leader, ping, metrics, and what this cluster has none of (plugins, pods)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ciprov.localcluster.api.accepting import best
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
        "GET /metrics": lambda: Json(measured(engine, time.monotonic() - started)),
        "GET /metrics/prometheus": lambda: Json({"message": "Prometheus reporter is disabled"}, 404),
        "GET /v2/info": lambda: Json(describe(address)),
        "GET /v2/leader": lambda: Json({"leader": address}),
        # It is elected again at once: there is no other.
        "DELETE /v2/leader": lambda: Json({"message": "Leadership abdicated"}),
        "GET /v2/plugins": lambda: Json({"plugins": []}),
        "GET /v2/pods": lambda: Json([]),
        "GET /v2/pods/::status": lambda: Json([]),
        "POST /v2/pods": lambda: Json({"message": "This cluster runs apps, but no pods"}, 501),
    }
    return [Route("/ping", ping, methods=["GET"]), *(_route(name, answer) for name, answer in answers.items())]


async def ping(request: Request) -> Response:
    """`pong` as text, HTML or JSON; an empty 204 to who wants nothing of these."""
    kind = best(request.headers.get("accept", ""), ("text/plain", "text/html", "application/json"))
    if kind is None:
        return Response(status_code=204)
    return Response('"pong"' if kind == "application/json" else "pong", media_type=kind)


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
            "env_vars_prefix": None,
            "default_network_name": None,
            "ha": False,
            "hostname": host,
            "local_port_min": SERVICE_PORTS[0],
            "local_port_max": SERVICE_PORTS[-1],
            "master": address,
            "mesos_bridge_name": MESOS_BRIDGE,
            "mesos_leader_ui_url": f"http://{address}",
            "mesos_role": "*",
            "new_group_enforce_role": "off",
            # Marathon's defaults, for clients that ask; nothing here ever takes so long.
            "reconciliation_initial_delay": 15000,
            "reconciliation_interval": 600000,
            "task_launch_confirm_timeout": 300000,
            "task_launch_timeout": 300000,
            "webui_url": f"http://{address}",
        },
        "zookeeper_config": {},
        "http_config": {"http_port": int(port), "https_port": None},
    }


def measured(engine: Engine, uptime_seconds: float) -> dict[str, Any]:
    """The answer of `/metrics`."""
    conditions = Counter(instance.condition for instance in engine.instances())
    gauges = {
        "marathon.apps.active.gauge": sum(1 for _ in engine.root.all_apps()),
        "marathon.pods.active.gauge": 0,
        "marathon.groups.active.gauge": sum(1 for _ in engine.root.all_groups()),
        "marathon.deployments.active.gauge": len(engine.deployments()),
        "marathon.instances.running.gauge": conditions[Condition.RUNNING],
        "marathon.instances.staged.gauge": conditions[Condition.STAGING],
        "marathon.instances.launch-overdue.gauge": 0,
        "marathon.instances.inflight-kills.gauge": conditions[Condition.KILLING],
        "marathon.instances.inflight-kill-attempts.gauge": conditions[Condition.KILLING],
        "marathon.instances.launch-queue.gauge": sum(entry.count for entry in engine.queue()),
        "marathon.leadership.duration.gauge.seconds": round(uptime_seconds, 3),
        "marathon.uptime.gauge.seconds": round(uptime_seconds, 3),
    }
    published = engine.events.published
    counters = {
        "marathon.deployments.counter": published("group_change_success"),
        "marathon.deployments.dismissed.counter": published("group_change_failed"),
        "marathon.tasks.launched.counter": published("instance_changed_event", "Staging"),
    }
    return {
        "version": "4.0.0",
        "gauges": {name: {"value": value} for name, value in gauges.items()},
        "counters": {name: {"count": count} for name, count in counters.items()},
        "histograms": {},
        "meters": {},
        "timers": {},
    }
