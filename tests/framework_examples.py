"""Offers and requests for tests, as short as they can be written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ciprov.framework.decisions import Decisions, Launch, Placement
from ciprov.framework.ledger.status import TaskStatus
from ciprov.framework.offers import Offer, Part
from ciprov.framework.requests import Request, Wanted
from ciprov.framework.resources import merged, size, thousandths
from ciprov.framework.state import PlacedTask

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def offer(host: str, cpus: float = 4, mem: float = 4096, **more: Any) -> Offer:
    """`id`, `role`, `disk`, `gpus`, `ports` as ranges, and any other field of an offer."""
    role = more.pop("role", "*")
    amounts = {"cpus": cpus, "mem": mem, "disk": more.pop("disk", 1000), "gpus": more.pop("gpus", 0)}
    ports = merged(more.pop("ports", [(31000, 31009)]))
    parts = [Part(name, thousandths(amount), origin={"role": "*"}) for name, amount in amounts.items() if amount]
    if ports:
        parts.append(Part("ports", size(ports), ports, origin={"role": "*"}))
    fields: dict[str, Any] = {"parts": tuple(parts), "agent_id": f"agent-{host}"} | more
    return Offer(id=fields.pop("id", f"offer-{host}"), hostname=host, role=role, **fields)


def request(name: str, cpus: float = 1, mem: float = 256, **more: Any) -> Request:
    """`age` in seconds, `disk`, `gpus`, `ports`, and any other field of a request."""
    wanted = Wanted(cpus, mem, **{key: more.pop(key) for key in ("disk", "gpus", "ports") if key in more})
    return Request(name, more.pop("label", "maven"), wanted, ago(more.pop("age", 0)), **more)


def placed(name: str, host: str, cpus: float = 1, **more: Any) -> PlacedTask:
    amounts = Wanted(cpus, 256).amounts
    fields: dict[str, Any] = {"label": "maven", "agent_id": f"agent-{host}", "amounts": amounts} | more
    return PlacedTask(task_id=f"task-{name}", request_id=name, hostname=host, **fields)


def where(decisions: Decisions) -> dict[str, str]:
    """The host of each request that is placed."""
    return {placement.request_id: launch.hostname for launch in decisions.launches for placement in launch.placements}


def why(decisions: Decisions) -> dict[str, str]:
    """The reason for each request that waits."""
    return {held.request_id: held.reason for held in decisions.held}


def launch_of(*names: str, host: str = "a", offer_id: str = "o1") -> Launch:
    """A launch of requests with these names, from one offer."""
    placements = tuple(Placement(name, "maven", Wanted(1, 256).amounts, ()) for name in names)
    return Launch(f"agent-{host}", host, "*", (offer_id,), placements, 5.0, {"rack": ("r1",)})


def status(task_id: str, state: str, uuid: str = "", host: str = "a", reason: str = "") -> TaskStatus:
    return TaskStatus(task_id, f"TASK_{state}", f"agent-{host}", uuid, reason)
