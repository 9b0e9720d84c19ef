"""Calls of the agent's operator API: what is understood, and what is said of the rest."""

import base64
import json
from typing import Any

import pytest

from ciprov.localcluster.api.exec_calls import (
    BadCall,
    ContainerId,
    InputData,
    InputNothing,
    InputTo,
    InputWindow,
    Kill,
    Launch,
    Wait,
    parse,
    parse_input,
)

NESTED = {"value": "session", "parent": {"value": "task"}}
CONTAINER = ContainerId("task", "session")


def call(kind: str, **content: Any) -> bytes:
    return json.dumps({"type": kind, kind.lower(): {"container_id": NESTED, **content}}).encode()


def launch(**content: Any) -> Launch:
    found = parse(call("LAUNCH_NESTED_CONTAINER_SESSION", **content))
    assert isinstance(found, Launch)
    return found


def test_a_shell_command() -> None:
    variables = [{"name": "A", "value": "b"}, {"name": "C"}]
    found = launch(command={"value": "ls | wc", "environment": {"variables": variables}})
    assert found == Launch(CONTAINER, ("/bin/sh", "-c", "ls | wc"), {"A": "b", "C": ""})


def test_a_command_without_shell_names_itself_in_its_first_argument() -> None:
    command = {"shell": False, "value": "/bin/ls", "arguments": ["ls", "-l"]}
    assert launch(command=command).argv == ("/bin/ls", "-l")
    assert launch(command={"shell": False, "value": "ls"}).argv == ("ls",)


def test_a_terminal() -> None:
    tty = {"window_size": {"rows": 20, "columns": 80}}
    found = launch(command={"value": "sh"}, container={"type": "MESOS", "tty_info": tty})
    assert (found.tty, found.window) == (True, (20, 80))
    assert launch(command={"value": "sh"}, container={"tty_info": {}}).window is None
    assert not launch(command={"value": "sh"}, container={"type": "MESOS"}).tty


def test_the_others() -> None:
    for kind in ("WAIT_NESTED_CONTAINER", "WAIT_CONTAINER"):
        assert parse(call(kind)) == Wait(CONTAINER, kind)
    assert parse(call("KILL_NESTED_CONTAINER")) == Kill(CONTAINER, 9)
    assert parse(call("KILL_CONTAINER", signal=15)) == Kill(CONTAINER, 15)


def test_parents_are_followed_to_the_task() -> None:
    deep = {"value": "a", "parent": {"value": "b", "parent": {"value": "task"}}}
    assert parse(call("WAIT_CONTAINER", container_id=deep)) == Wait(ContainerId("task", "a"), "WAIT_CONTAINER")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "Failed to parse body into JSON"),
        (b"[" * 100_000, "Failed to parse body into JSON: nested too deeply"),
        (b'"\xed\xa0\x80"', "Failed to parse body into JSON"),
        (b"[]", "Unknown call type None"),
        (b'{"type": "GET_STATE"}', "Unknown call type 'GET_STATE': this agent answers LAUNCH_NESTED_CONTAINER_SESSION"),
        (b'{"type": ["x"]}', "Unknown call type"),
        (b'{"type": "WAIT_CONTAINER"}', "WAIT_CONTAINER: 'wait_container' is missing"),
        (call("WAIT_CONTAINER", container_id=5), "'container_id' is missing or no object"),
        (call("WAIT_CONTAINER", container_id={}), "'container_id.value' is missing"),
        (call("WAIT_CONTAINER", container_id={"value": "a", "parent": {}}), "'container_id.parent.value' is missing"),
        (call("KILL_CONTAINER", signal="x"), "'signal' is a number"),
        (call("KILL_CONTAINER", signal=0), "'signal' is a number"),
        (call("LAUNCH_NESTED_CONTAINER_SESSION"), "'command' is missing"),
        (call("LAUNCH_NESTED_CONTAINER_SESSION", command={}), "'command.value' is missing"),
        (call("LAUNCH_NESTED_CONTAINER_SESSION", command={"arguments": [1]}), "list of strings"),
        (call("LAUNCH_NESTED_CONTAINER_SESSION", container_id={"value": "a"}), "has no 'parent'"),
    ],
)
def test_what_is_wrong_is_named(body: bytes, message: str) -> None:
    with pytest.raises(BadCall) as refusal:
        parse(body)
    assert message in str(refusal.value)


def attach(**content: Any) -> bytes:
    return json.dumps({"type": "ATTACH_CONTAINER_INPUT", "attach_container_input": content}).encode()


def test_input() -> None:
    data = {"type": "STDIN", "data": base64.b64encode(b"hi\xff").decode()}
    size = {"tty_info": {"window_size": {"rows": 3, "columns": 4}}}
    assert parse_input(attach(type="CONTAINER_ID", container_id=NESTED)) == InputTo(CONTAINER)
    assert parse_input(attach(type="PROCESS_IO", process_io={"type": "DATA", "data": data})) == InputData(b"hi\xff")
    assert parse_input(attach(type="PROCESS_IO", process_io={"type": "CONTROL", "control": size})) == InputWindow(3, 4)
    beat = {"type": "CONTROL", "control": {"type": "HEARTBEAT"}}
    assert parse_input(attach(type="PROCESS_IO", process_io=beat)) == InputNothing()


@pytest.mark.parametrize(
    "content",
    [
        {"type": "OTHER"},
        {"type": "PROCESS_IO"},
        {"type": "PROCESS_IO", "process_io": {"type": "DATA"}},
        {"type": "PROCESS_IO", "process_io": {"type": "DATA", "data": {"type": "STDOUT"}}},
        {"type": "PROCESS_IO", "process_io": {"type": "DATA", "data": {"data": "%%%"}}},
        {"type": "PROCESS_IO", "process_io": {"type": "DATA", "data": {"data": 7}}},
    ],
)
def test_bad_input(content: dict[str, Any]) -> None:
    with pytest.raises(BadCall):
        parse_input(attach(**content))
