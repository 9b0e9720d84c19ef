"""What a scheduler says, as far as its form goes; the texts of refusals are Mesos' own. Pure."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Mapping[str, Any]

_BODIES = {
    "SUBSCRIBE": "subscribe",
    "ACCEPT": "accept",
    "DECLINE": "decline",
    "ACCEPT_INVERSE_OFFERS": "accept_inverse_offers",
    "DECLINE_INVERSE_OFFERS": "decline_inverse_offers",
    "KILL": "kill",
    "SHUTDOWN": "shutdown",
    "ACKNOWLEDGE": "acknowledge",
    "ACKNOWLEDGE_OPERATION_STATUS": "acknowledge_operation_status",
    "RECONCILE": "reconcile",
    "RECONCILE_OPERATIONS": "reconcile_operations",
    "MESSAGE": "message",
    "REQUEST": "request",
    "UPDATE_FRAMEWORK": "update_framework",
}
"""Calls that are nothing without their body."""

_WITHOUT = {"TEARDOWN": "teardown", "REVIVE": "revive", "SUPPRESS": "suppress"}

_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "subscribe": ("framework_info", "framework_info.user", "framework_info.name"),
    "kill": ("task_id", "task_id.value"),
    "acknowledge": ("agent_id", "agent_id.value", "task_id", "task_id.value", "uuid"),
    "update_framework": ("framework_info", "framework_info.user", "framework_info.name"),
}
_TASK = ("name", "task_id", "task_id.value", "agent_id", "agent_id.value")
_UUID_BYTES = 16


class BadCall(ValueError):
    """The call is refused; the text is the answer's body."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Call:
    type: str
    framework_id: str = ""
    body: Json = field(default_factory=dict)


def parse(content: bytes) -> Call:
    """Raises BadCall."""
    try:
        message = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadCall(f"Failed to parse body into JSON: {error}") from None
    if not isinstance(message, dict):
        raise _unreadable("Expecting a JSON object")
    kind = message.get("type")
    _check_form(message)
    if kind not in _BODIES and kind not in _WITHOUT:
        raise _invalid("Expecting 'type' to be present")
    name = _BODIES.get(kind) or _WITHOUT[kind]
    body: Any = message.get(name)
    framework_id = (message.get("framework_id") or {}).get("value", "")
    if kind != "SUBSCRIBE" and not framework_id:
        raise _invalid("Expecting 'framework_id' to be present")
    if body is None and kind in _BODIES:
        raise _invalid(f"Expecting '{name}' to be present")
    if name in {"subscribe", "update_framework"}:
        own = ((body or {}).get("framework_info", {}).get("id") or {}).get("value", "")
        if own != framework_id:
            raise _invalid(f"'framework_id' differs from '{name}.framework_info.id'")
    if kind == "ACKNOWLEDGE" and len(base64.b64decode(body["uuid"])) != _UUID_BYTES:
        raise _invalid("Not a valid UUID")
    return Call(str(kind), str(framework_id), body or {})


def _unreadable(text: str) -> BadCall:
    return BadCall(f"Failed to convert JSON into Call protobuf: {text}")


def _invalid(text: str) -> BadCall:
    return BadCall(f"Failed to validate scheduler::Call: {text}")


def _check_form(message: Json) -> None:
    """Types first, as a message with a wrong one cannot be looked at any further."""
    _check_types(message)
    missing = [path for name, paths in _REQUIRED.items() for path in _missing(message.get(name), name, paths)]
    accept = message.get("accept") or {}
    for index, operation in enumerate(accept.get("operations") or []):
        launch = operation.get("launch") or {}
        for place, task in enumerate(launch.get("task_infos") or []):
            missing += _missing(task, f"accept.operations[{index}].launch.task_infos[{place}]", _TASK)
    if missing:
        raise _unreadable(f"Missing required fields: {', '.join(missing)}")
    acknowledged = (message.get("acknowledge") or {}).get("uuid")
    if acknowledged is not None:
        try:
            base64.b64decode(acknowledged, validate=True)
        except (binascii.Error, ValueError) as error:
            raise _unreadable(f"Failed to base64 decode bytes field 'uuid': {error}") from None


def _missing(body: Any, name: str, paths: tuple[str, ...]) -> Iterator[str]:
    if body is None:
        return
    gone: set[str] = set()
    for path in paths:
        parent, _, last = path.rpartition(".")
        if parent in gone:
            continue
        holder = body
        for step in parent.split(".") if parent else ():
            holder = holder[step]
        if holder.get(last) is None:
            gone.add(path)
            yield f"{name}.{path}"


_OBJECT, _LIST, _STRING, _NUMBER, _BOOLEAN = "object", "array", "string", "number", "boolean"
_TYPES: Mapping[str, str] = {
    **dict.fromkeys(
        (
            *_BODIES.values(),
            *_WITHOUT.values(),
            *("framework_id", "framework_info", "task_id", "agent_id", "id", "filters", "launch", "command"),
            *("container", "docker", "mesos", "environment", "kill_policy", "grace_period", "scalar", "ranges"),
            *("allocation_info", "secret", "labels", "executor", "launch_group", "task_group", "source", "image"),
        ),
        _OBJECT,
    ),
    **dict.fromkeys(
        (
            *("offer_ids", "operations", "task_infos", "tasks", "roles", "suppressed_roles", "capabilities"),
            *("resources", "variables", "uris", "arguments", "volumes", "port_mappings", "parameters", "range"),
            *("network_infos", "requests"),
        ),
        _LIST,
    ),
    **dict.fromkeys(("name", "user", "role", "type", "uuid", "container_path", "host_path", "principal"), _STRING),
    **dict.fromkeys(("refuse_seconds", "failover_timeout", "nanoseconds"), _NUMBER),
    **dict.fromkeys(("checkpoint", "shell", "executable", "extract", "cache", "privileged"), _BOOLEAN),
}
_ELEMENTS = {"roles": _STRING, "suppressed_roles": _STRING, "arguments": _STRING}
_DEPTH = 40


def _check_types(value: Any, depth: int = 0) -> None:
    """Fields bear the same type wherever they stand, as far as anything here reads them."""
    if depth > _DEPTH:
        raise _unreadable("the message is nested too deeply")
    for name, inner in value.items():
        expected = _TYPES.get(name)
        if inner is None:
            continue
        found = _kind(inner)
        if expected is not None and found != expected and not (name == "image" and found == _STRING):
            raise _unreadable(f"Not expecting a JSON {found} for field '{name}'")
        if found == _OBJECT:
            _check_types(inner, depth + 1)
        elif found == _LIST:
            element = _ELEMENTS.get(name, _OBJECT if expected == _LIST else None)
            for one in inner:
                if element is not None and _kind(one) != element:
                    raise _unreadable(f"Not expecting a JSON {_kind(one)} for field '{name}'")
                if isinstance(one, dict):
                    _check_types(one, depth + 1)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return _BOOLEAN
    if isinstance(value, int | float):
        return _NUMBER
    if isinstance(value, str):
        return _STRING
    if isinstance(value, list):
        return _LIST
    return "null" if value is None else _OBJECT
