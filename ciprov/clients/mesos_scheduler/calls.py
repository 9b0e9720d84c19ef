"""The calls of the v1 scheduler API, as Mesos 1.11 expects them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ciprov.clients.mesos_scheduler.outbox import Call
from ciprov.foundation.json import JsonObject

_OF_OPERATIONS: tuple[str, ...] = ("agent_id", "resource_provider_id", "operation_id")


def accept(offer_ids: Sequence[str], operations: Sequence[JsonObject], filter_s: float) -> Call:
    body = {"offer_ids": _values(offer_ids), "operations": list(operations), "filters": _filters(filter_s)}
    return Call("ACCEPT", body, tuple(offer_ids))


def launching(task_infos: Sequence[JsonObject]) -> JsonObject:
    return {"type": "LAUNCH", "launch": {"task_infos": list(task_infos)}}


def decline(offer_ids: Sequence[str], filter_s: float) -> Call:
    return Call("DECLINE", {"offer_ids": _values(offer_ids), "filters": _filters(filter_s)}, tuple(offer_ids))


def inverse(verb: str, offer_ids: Sequence[str]) -> Call:
    """`verb`: ACCEPT or DECLINE."""
    return Call(f"{verb}_INVERSE_OFFERS", {"inverse_offer_ids": _values(offer_ids)}, tuple(offer_ids))


def for_roles(verb: str, roles: Collection[str]) -> Call:
    """`verb`: SUPPRESS or REVIVE."""
    ordered = tuple(sorted(roles))
    return Call(verb, {"roles": list(ordered)}, ordered)


def kill(task_id: str, agent_id: str, grace_s: float | None) -> Call:
    body: JsonObject = {"task_id": {"value": task_id}}
    if agent_id:
        body["agent_id"] = {"value": agent_id}
    if grace_s is not None:
        body["kill_policy"] = {"grace_period": {"nanoseconds": int(grace_s * 1e9)}}
    return Call("KILL", body, (task_id,))


def acknowledge(status: JsonObject) -> Call:
    body = {name: status[name] for name in ("agent_id", "task_id", "uuid")}
    return Call("ACKNOWLEDGE", body, (str(status["task_id"]["value"]), str(status["uuid"])))


def acknowledge_operation(status: JsonObject) -> Call:
    """The status wraps its uuid, the acknowledgement wants it bare."""
    uuid = status["uuid"]["value"]
    body: JsonObject = {name: status[name] for name in _OF_OPERATIONS if name in status}
    return Call("ACKNOWLEDGE_OPERATION_STATUS", body | {"uuid": uuid}, (str(uuid),))


def reconcile(tasks: Sequence[tuple[str, str]]) -> Call:
    asked = [{"task_id": {"value": task}} | ({"agent_id": {"value": agent}} if agent else {}) for task, agent in tasks]
    return Call("RECONCILE", {"tasks": asked}, tuple(task for task, _ in tasks))


def teardown() -> Call:
    return Call("TEARDOWN", {})


def message(call: Call, framework_id: str) -> JsonObject:
    """What goes to the master."""
    whole: JsonObject = {"type": call.type, "framework_id": {"value": framework_id}}
    return {**whole, call.type.lower(): call.body} if call.body else whole


def _values(ids: Sequence[str]) -> list[JsonObject]:
    return [{"value": one} for one in ids]


def _filters(filter_s: float) -> JsonObject:
    return {"refuse_seconds": filter_s}
