"""The calls of a Mesos agent's operator API that run a command beside a task, as typed records."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ciprov.localcluster.json_text import value_of


class BadCall(ValueError):
    """The call is not understood; the message is told to the client."""


@dataclass(frozen=True, slots=True)
class ContainerId:
    """A container `value` below the task's container `root`; the task's own container has no `value`."""

    root: str
    value: str


@dataclass(frozen=True, slots=True)
class Launch:
    """LAUNCH_NESTED_CONTAINER_SESSION. `window` is `(rows, columns)` where a terminal is asked for."""

    container: ContainerId
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    tty: bool = False
    window: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """WAIT_NESTED_CONTAINER, or its newer name; `type` is the one that was used, which the answer repeats."""

    container: ContainerId
    type: str


@dataclass(frozen=True, slots=True)
class Kill:
    """KILL_NESTED_CONTAINER, or its newer name."""

    container: ContainerId
    signal: int = 9


@dataclass(frozen=True, slots=True)
class InputTo:
    """The first message of ATTACH_CONTAINER_INPUT."""

    container: ContainerId


@dataclass(frozen=True, slots=True)
class InputData:
    """More standard input; empty at its end."""

    data: bytes


@dataclass(frozen=True, slots=True)
class InputWindow:
    """The size of the client's terminal has changed."""

    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class InputNothing:
    """A heartbeat."""


Call = Launch | Wait | Kill
InputMessage = InputTo | InputData | InputWindow | InputNothing

CALLS = (
    "LAUNCH_NESTED_CONTAINER_SESSION",
    "WAIT_NESTED_CONTAINER",
    "WAIT_CONTAINER",
    "KILL_NESTED_CONTAINER",
    "KILL_CONTAINER",
)
ATTACH_INPUT = "ATTACH_CONTAINER_INPUT"


def parse(body: bytes) -> Call:
    """Raises `BadCall`."""
    kind, content = _typed(body, CALLS)
    container = _container_id(content, kind)
    if kind.startswith("WAIT"):
        return Wait(container, kind)
    if kind.startswith("KILL"):
        number = content.get("signal", 9)
        if not isinstance(number, int) or not 1 <= number <= 64:
            raise BadCall(f"{kind}: 'signal' is a number from 1 to 64")
        return Kill(container, number)
    if not container.value:
        raise BadCall(f"{kind}: 'container_id' has no 'parent', the container of the task to run beside")
    command = _object(content, "command", kind)
    tty = content.get("container", {}).get("tty_info") if isinstance(content.get("container"), dict) else None
    return Launch(container, _argv(command, kind), _environment(command), tty is not None, _window(tty))


def parse_input(body: bytes) -> InputMessage:
    """One record of ATTACH_CONTAINER_INPUT. Raises `BadCall`."""
    _, content = _typed(body, (ATTACH_INPUT,))
    if content.get("type") == "CONTAINER_ID":
        return InputTo(_container_id(content, ATTACH_INPUT))
    if content.get("type") != "PROCESS_IO":
        raise BadCall(f"{ATTACH_INPUT}: 'type' is CONTAINER_ID or PROCESS_IO")
    process_io = _object(content, "process_io", ATTACH_INPUT)
    if process_io.get("type") == "DATA":
        data = _object(process_io, "data", ATTACH_INPUT)
        if data.get("type", "STDIN") != "STDIN":
            raise BadCall(f"{ATTACH_INPUT}: data goes to STDIN")
        try:
            return InputData(base64.b64decode(data.get("data", ""), validate=True))
        except (binascii.Error, TypeError, ValueError):
            raise BadCall(f"{ATTACH_INPUT}: 'data' is no base64") from None
    control = process_io.get("control")
    window = _window(control.get("tty_info")) if isinstance(control, dict) else None
    return InputWindow(*window) if window else InputNothing()


def _typed(body: bytes, known: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    try:
        call = value_of(body)
    except ValueError as error:
        raise BadCall(f"Failed to parse body into JSON: {error}") from None
    kind = call.get("type") if isinstance(call, dict) else None
    if kind not in known:
        raise BadCall(f"Unknown call type {kind!r}: this agent answers {', '.join((*CALLS, ATTACH_INPUT))}")
    return kind, _object(call, kind.lower(), kind)


def _object(content: Mapping[str, Any], name: str, kind: str) -> dict[str, Any]:
    found = content.get(name)
    if not isinstance(found, dict):
        raise BadCall(f"{kind}: '{name}' is missing or no object")
    return found


def _container_id(content: Mapping[str, Any], kind: str) -> ContainerId:
    found = _object(content, "container_id", kind)
    value = found.get("value")
    if not isinstance(value, str) or not value:
        raise BadCall(f"{kind}: 'container_id.value' is missing")
    root, depth = found, 0
    while isinstance(root.get("parent"), dict) and depth < 32:
        root, depth = root["parent"], depth + 1
    if root is found:
        return ContainerId(value, "")
    if not isinstance(root.get("value"), str):
        raise BadCall(f"{kind}: 'container_id.parent.value' is missing")
    return ContainerId(root["value"], value)


def _argv(command: Mapping[str, Any], kind: str) -> tuple[str, ...]:
    value, arguments = command.get("value"), command.get("arguments", [])
    if not isinstance(arguments, list) or not all(isinstance(argument, str) for argument in arguments):
        raise BadCall(f"{kind}: 'command.arguments' is a list of strings")
    if not isinstance(value, str) or not value:
        raise BadCall(f"{kind}: 'command.value' is missing")
    if command.get("shell", True):
        return ("/bin/sh", "-c", value)
    # As for exec(3), the first argument is the name that the program gets, which is left out here.
    return (value, *arguments[1:])


def _environment(command: Mapping[str, Any]) -> dict[str, str]:
    environment = command.get("environment")
    variables = environment.get("variables", []) if isinstance(environment, dict) else []
    return {
        each["name"]: str(each.get("value", ""))
        for each in variables
        if isinstance(each, dict) and isinstance(each.get("name"), str)
    }


def _window(tty: Any) -> tuple[int, int] | None:
    size = tty.get("window_size") if isinstance(tty, dict) else None
    if not isinstance(size, dict):
        return None
    rows, columns = size.get("rows"), size.get("columns")
    if isinstance(rows, int) and isinstance(columns, int) and 0 < rows < 65536 and 0 < columns < 65536:
        return rows, columns
    return None
