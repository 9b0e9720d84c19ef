"""The form of calls; the texts are those that a real master answered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ciprov.localcluster.master.calls import BadCall, parse

INFO = {"user": "root", "name": "t"}
CONVERT, VALIDATE = "Failed to convert JSON into Call protobuf: ", "Failed to validate scheduler::Call: "


def call(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "framework_id": {"value": "f"}, **fields}


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ([], CONVERT + "Expecting a JSON object"),
        ({}, VALIDATE + "Expecting 'type' to be present"),
        ({"type": "NOPE"}, VALIDATE + "Expecting 'type' to be present"),
        ({"type": "REVIVE"}, VALIDATE + "Expecting 'framework_id' to be present"),
        ({"type": "SUBSCRIBE"}, VALIDATE + "Expecting 'subscribe' to be present"),
        (
            {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "root"}}},
            CONVERT + "Missing required fields: subscribe.framework_info.name",
        ),
        (
            call("SUBSCRIBE", subscribe={"framework_info": INFO}),
            VALIDATE + "'framework_id' differs from 'subscribe.framework_info.id'",
        ),
        (call("KILL", kill={"task_id": {}}), CONVERT + "Missing required fields: kill.task_id.value"),
        (call("KILL", kill={"task_id": 5}), CONVERT + "Not expecting a JSON number for field 'task_id'"),
        (call("DECLINE", decline={"offer_ids": [7]}), CONVERT + "Not expecting a JSON number for field 'offer_ids'"),
        (
            call("ACCEPT", accept={"operations": [{}, {"launch": {"task_infos": [{"task_id": {"value": "q"}}]}}]}),
            CONVERT + "Missing required fields: accept.operations[1].launch.task_infos[0].name, "
            "accept.operations[1].launch.task_infos[0].agent_id",
        ),
        (
            call("ACKNOWLEDGE", acknowledge={"agent_id": {"value": "a"}, "task_id": {"value": "t"}, "uuid": "!!"}),
            CONVERT + "Failed to base64 decode bytes field 'uuid': Invalid character '!'",
        ),
        (
            call("ACKNOWLEDGE", acknowledge={"agent_id": {"value": "a"}, "task_id": {"value": "t"}, "uuid": "AAAA"}),
            VALIDATE + "Not a valid UUID",
        ),
    ],
)
def test_what_is_refused(message: Any, text: str) -> None:
    with pytest.raises(BadCall) as refused:
        parse(json.dumps(message).encode())
    assert str(refused.value) == text
    assert refused.value.status == 400


HALVES = (b'{"name": "\\ud800"}', b'{"name": "\xed\xa0\x80"}')
"""Of a pair of surrogates: no characters, escaped or not."""


@pytest.mark.parametrize("content", [b"{oops", b"", b"\xff", b'{"a": NaN}', *HALVES, b"[" * 100_000])
def test_what_is_no_json(content: bytes) -> None:
    with pytest.raises(BadCall, match="Failed to parse body into JSON: syntax error"):
        parse(content)


@pytest.mark.parametrize("number", ["1" + "0" * 400, "1e400", "9223372036854775808", "-1e30"])
def test_numbers_that_nothing_can_hold(number: str) -> None:
    policy = {"grace_period": {"nanoseconds": 7}}
    message = json.dumps(call("KILL", kill={"task_id": {"value": "t"}, "kill_policy": policy}))
    with pytest.raises(BadCall, match="field 'nanoseconds' is out of range"):
        parse(message.replace("7", number).encode())


def test_a_fraction_that_nothing_can_hold() -> None:
    message = json.dumps(call("DECLINE", decline={"filters": {"refuse_seconds": 10**400}}))
    with pytest.raises(BadCall, match="field 'refuse_seconds' is out of range"):
        parse(message.encode())


def test_what_is_unknown_or_null_is_left_out() -> None:
    found = parse(json.dumps(call("DECLINE", decline={"offer_ids": [], "filters": None, "x": 1}, y=2)).encode())
    assert (found.type, found.framework_id, found.body) == ("DECLINE", "f", {"offer_ids": []})


def test_what_nobody_reads_is_passed_on_as_far_as_it_can_be_told() -> None:
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    infos = [{"name": "n", "task_id": {"value": "t"}, "agent_id": {"value": "a"}, "discovery": {"d": deep}}]
    with pytest.raises(BadCall, match="nested too deeply"):
        parse(json.dumps(call("ACCEPT", accept={"operations": [{"launch": {"task_infos": infos}}]})).encode())
