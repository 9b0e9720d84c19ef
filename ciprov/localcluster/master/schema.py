"""The messages of the scheduler API, as far as anything here reads them: their fields, and which are required. Pure.

What has passed `checked` has the types that are named here, so whoever reads it further need not look twice.
Each field is `[kind]` where repeated and `kind!` where required; a kind is a scalar or another message.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Mapping
from typing import Any

Fields = Mapping[str, str]

_ANY = "any"
_REQUIRED_ENUMS: Mapping[str, frozenset[str]] = {
    "ValueType": frozenset({"SCALAR", "RANGES", "SET", "TEXT"}),
    "ContainerType": frozenset({"DOCKER", "MESOS"}),
    "ImageType": frozenset({"APPC", "DOCKER"}),
    "VolumeMode": frozenset({"RW", "RO"}),
}
"""Whose values have to be known; of other enums Mesos takes an unknown value for none."""

_KINDS = {
    **dict.fromkeys(_REQUIRED_ENUMS, "string"),
    "string": "string",
    "enum": "string",
    "bytes": "string",
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
}
_DEEPEST = 60
_BEYOND_INTEGERS = 2**63

MESSAGES: Mapping[str, Fields] = {
    "Call": {
        "framework_id": "Id",
        "type": "enum",
        "subscribe": "Subscribe",
        "accept": "Accept",
        "decline": "Decline",
        "accept_inverse_offers": "InverseOffers",
        "decline_inverse_offers": "InverseOffers",
        "revive": "Roles",
        "suppress": "Roles",
        "kill": "Kill",
        "shutdown": "Shutdown",
        "acknowledge": "Acknowledge",
        "acknowledge_operation_status": "AcknowledgeOperation",
        "reconcile": "Reconcile",
        "reconcile_operations": _ANY,
        "message": "Message",
        "request": _ANY,
        "update_framework": "Subscribe",
        "teardown": _ANY,
    },
    "Id": {"value": "string!"},
    "Subscribe": {"framework_info": "FrameworkInfo!", "suppressed_roles": "[string]"},
    "FrameworkInfo": {
        "user": "string!",
        "name": "string!",
        "id": "Id",
        "failover_timeout": "number",
        "checkpoint": "boolean",
        "role": "string",
        "roles": "[string]",
        "hostname": "string",
        "principal": "string",
        "webui_url": "string",
        "capabilities": "[Capability]",
        "labels": "Labels",
    },
    "Capability": {"type": "enum"},
    "Accept": {"offer_ids": "[Id]", "operations": "[Operation]", "filters": "Filters"},
    "Decline": {"offer_ids": "[Id]", "filters": "Filters"},
    "InverseOffers": {"inverse_offer_ids": "[Id]", "filters": "Filters"},
    "Filters": {"refuse_seconds": "number"},
    "Operation": {"type": "enum", "id": "Id", "launch": "Launch", "launch_group": "LaunchGroup"},
    "Launch": {"task_infos": "[TaskInfo]"},
    "LaunchGroup": {"executor": f"{_ANY}!", "task_group": "TaskGroup!"},
    "TaskGroup": {"tasks": "[TaskInfo]"},
    "Roles": {"roles": "[string]"},
    "Kill": {"task_id": "Id!", "agent_id": "Id", "kill_policy": "KillPolicy"},
    "Shutdown": {"executor_id": "Id!", "agent_id": "Id!"},
    "Acknowledge": {"agent_id": "Id!", "task_id": "Id!", "uuid": "bytes!"},
    "AcknowledgeOperation": {"agent_id": "Id", "uuid": "bytes!", "operation_id": "Id!"},
    "Reconcile": {"tasks": "[ReconciledTask]"},
    "ReconciledTask": {"task_id": "Id!", "agent_id": "Id"},
    "Message": {"agent_id": "Id!", "executor_id": "Id!", "data": "bytes!"},
    "TaskInfo": {
        "name": "string!",
        "task_id": "Id!",
        "agent_id": "Id!",
        "resources": "[Resource]",
        "executor": _ANY,
        "command": "CommandInfo",
        "container": "ContainerInfo",
        "health_check": _ANY,
        "check": _ANY,
        "kill_policy": "KillPolicy",
        "data": "bytes",
        "labels": "Labels",
        "discovery": _ANY,
        "max_completion_time": "Duration",
        "limits": _ANY,
    },
    "KillPolicy": {"grace_period": "Duration"},
    "Duration": {"nanoseconds": "integer!"},
    "Labels": {"labels": "[Label]"},
    "Label": {"key": "string!", "value": "string"},
    "Resource": {
        "name": "string!",
        "type": "ValueType!",
        "scalar": "Scalar",
        "ranges": "Ranges",
        "role": "string",
        "allocation_info": "AllocationInfo",
        "reservations": "[Reservation]",
        "disk": _ANY,
        "revocable": _ANY,
        "shared": _ANY,
        "provider_id": _ANY,
    },
    "Scalar": {"value": "number!"},
    "Ranges": {"range": "[Range]"},
    "Range": {"begin": "integer!", "end": "integer!"},
    "AllocationInfo": {"role": "string"},
    "Reservation": {"type": "enum", "role": "string"},
    "CommandInfo": {
        "uris": "[Uri]",
        "environment": "Environment",
        "shell": "boolean",
        "value": "string",
        "arguments": "[string]",
        "user": "string",
    },
    "Uri": {
        "value": "string!",
        "executable": "boolean",
        "extract": "boolean",
        "cache": "boolean",
        "output_file": "string",
    },
    "Environment": {"variables": "[Variable]"},
    "Variable": {"name": "string!", "type": "enum", "value": "string", "secret": "Secret"},
    "Secret": {"type": "enum", "reference": _ANY, "value": "SecretValue"},
    "SecretValue": {"data": "bytes!"},
    "ContainerInfo": {
        "type": "ContainerType!",
        "volumes": "[Volume]",
        "hostname": "string",
        "docker": "DockerInfo",
        "mesos": "MesosInfo",
        "network_infos": "[NetworkInfo]",
        "linux_info": _ANY,
        "rlimit_info": _ANY,
        "tty_info": _ANY,
    },
    "DockerInfo": {
        "image": "string!",
        "network": "enum",
        "port_mappings": "[PortMapping]",
        "privileged": "boolean",
        "parameters": "[Parameter]",
        "force_pull_image": "boolean",
        "volume_driver": "string",
    },
    "PortMapping": {"host_port": "integer!", "container_port": "integer!", "protocol": "string"},
    "Parameter": {"key": "string!", "value": "string!"},
    "MesosInfo": {"image": "Image"},
    "Image": {"type": "ImageType!", "docker": "ImageDocker", "cached": "boolean"},
    "ImageDocker": {"name": "string!", "credential": _ANY, "config": _ANY},
    "NetworkInfo": {"name": "string", "port_mappings": "[PortMapping]"},
    "Volume": {
        "mode": "VolumeMode!",
        "container_path": "string!",
        "host_path": "string",
        "image": _ANY,
        "source": "VolumeSource",
    },
    "VolumeSource": {
        "type": "enum",
        "docker_volume": "DockerVolume",
        "host_path": "HostPath",
        "sandbox_path": "SandboxPath",
    },
    "DockerVolume": {"driver": "string", "name": "string!", "driver_options": "Parameters"},
    "Parameters": {"parameter": "[Parameter]"},
    "HostPath": {"path": "string!"},
    "SandboxPath": {"type": "enum", "path": "string!"},
}


class BadMessage(ValueError):
    """The message is none of these; the text says why, in Mesos' words."""


def checked(message: Any, kind: str = "Call") -> dict[str, Any]:
    """The message without what is unknown or null. Raises BadMessage."""
    if not isinstance(message, dict):
        raise BadMessage("Expecting a JSON object")
    missing: list[str] = []
    result = _message(message, kind, "", missing)
    if missing:
        raise BadMessage(f"Missing required fields: {', '.join(missing)}")
    return result


def _message(message: Mapping[str, Any], kind: str, path: str, missing: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, wanted in MESSAGES[kind].items():
        value, place = message.get(name), f"{path}{name}"
        bare = wanted.strip("[]!")
        if value is None:
            if wanted.endswith("!"):
                missing.append(place)
        elif wanted.startswith("["):
            if not isinstance(value, list):
                raise _unexpected(value, name)
            result[name] = [_value(one, bare, name, f"{place}[{index}]", missing) for index, one in enumerate(value)]
        else:
            result[name] = _value(value, bare, name, place, missing)
    return result


def _value(value: Any, kind: str, name: str, place: str, missing: list[str]) -> Any:
    found = _json_kind(value)
    if found != _KINDS.get(kind, "object"):
        raise _unexpected(value, name)
    if kind == _ANY:
        _check_depth(value)
    elif kind == "bytes":
        _check_bytes(value, name)
    elif kind == "integer":
        if not -_BEYOND_INTEGERS < value < _BEYOND_INTEGERS:
            raise BadMessage(f"The number for field '{name}' is out of range")
        return int(value)
    elif kind == "number":
        return _float(value, name)
    elif kind in _REQUIRED_ENUMS and value not in _REQUIRED_ENUMS[kind]:
        raise BadMessage(f"Failed to find enum for '{value}'")
    elif kind in MESSAGES:
        return _message(value, kind, f"{place}.", missing)
    return value


def _float(value: float, name: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise BadMessage(f"The number for field '{name}' is out of range") from None


def _check_depth(value: Any, depth: int = 0) -> None:
    """What is passed on unread must at least be possible to write down."""
    if depth > _DEEPEST:
        raise BadMessage("the message is nested too deeply")
    if isinstance(value, float) and not math.isfinite(value):
        raise BadMessage(f"{value} is no number of JSON")
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_depth(inner, depth + 1)


def _check_bytes(value: str, name: str) -> None:
    wrong = re.search(r"[^A-Za-z0-9+/=]", value)
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        told = f"Invalid character '{wrong[0]}'" if wrong else str(error)
        raise BadMessage(f"Failed to base64 decode bytes field '{name}': {told}") from None


def _unexpected(value: Any, name: str) -> BadMessage:
    return BadMessage(f"Not expecting a JSON {_json_kind(value)} for field '{name}'")


def _json_kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return "array"
    return "null" if value is None else "object"
