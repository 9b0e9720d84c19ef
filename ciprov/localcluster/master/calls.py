"""What a scheduler says, as far as its form goes; the texts of refusals are Mesos' own. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ciprov.localcluster.json_text import value_of
from ciprov.localcluster.master.schema import BadMessage, checked

Json = Mapping[str, Any]

_NEEDED = frozenset(
    {
        "SUBSCRIBE",
        "ACCEPT",
        "DECLINE",
        "ACCEPT_INVERSE_OFFERS",
        "DECLINE_INVERSE_OFFERS",
        "KILL",
        "SHUTDOWN",
        "ACKNOWLEDGE",
        "ACKNOWLEDGE_OPERATION_STATUS",
        "RECONCILE",
        "RECONCILE_OPERATIONS",
        "MESSAGE",
        "REQUEST",
        "UPDATE_FRAMEWORK",
    }
)
"""Calls that are nothing without their body."""
_ALL = _NEEDED | {"TEARDOWN", "REVIVE", "SUPPRESS"}
_UUID_BYTES = 16


class BadCall(ValueError):
    """The call is refused; the text is the answer's body."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Call:
    """`body` is as `schema.py` has it, so whoever reads it need not look twice."""

    type: str
    framework_id: str = ""
    body: Json = field(default_factory=dict, repr=False)


def parse(content: bytes) -> Call:
    """Raises BadCall."""
    message = _read(content)
    kind = message.get("type")
    if kind not in _ALL:
        raise _invalid("Expecting 'type' to be present")
    framework_id = str(_id(message.get("framework_id")))
    if kind != "SUBSCRIBE" and "framework_id" not in message:
        raise _invalid("Expecting 'framework_id' to be present")
    name = str(kind).lower()
    body: Json = message.get(name) or {}
    if kind in _NEEDED and name not in message:
        raise _invalid(f"Expecting '{name}' to be present")
    if kind in {"SUBSCRIBE", "UPDATE_FRAMEWORK"} and _id(body["framework_info"].get("id")) != framework_id:
        raise _invalid(f"'framework_id' differs from '{name}.framework_info.id'")
    if kind == "ACKNOWLEDGE" and len(base64.b64decode(body["uuid"])) != _UUID_BYTES:
        raise _invalid("Not a valid UUID")
    return Call(str(kind), framework_id, body)


def _read(content: bytes) -> dict[str, Any]:
    try:
        message = value_of(content)
    except json.JSONDecodeError as error:
        near = error.doc[error.pos : error.pos + 20]
        raise BadCall(f"Failed to parse body into JSON: syntax error at line {error.lineno} near: {near}") from None
    except ValueError as error:
        raise BadCall(f"Failed to parse body into JSON: syntax error: {error}") from None
    try:
        return checked(message)
    except BadMessage as error:
        raise BadCall(f"Failed to convert JSON into Call protobuf: {error}") from None


def _id(value: Json | None) -> str:
    return str(value["value"]) if value else ""


def _invalid(text: str) -> BadCall:
    return BadCall(f"Failed to validate scheduler::Call: {text}")
