"""Calls that are refused: status and text. Facts: "Errors are plain text"; the texts were seen on a Mesos 1.11.0."""

from __future__ import annotations

import json
from typing import Any

import pytest
from plain_mesos import SCHEDULER, Answer, Place
from plain_scheduler import Scheduler
from real_mesos import eventually

NOBODYS = "94b595fe-2e3c-47e8-a9f1-94645569617c"


def refused(answer: Answer, status: int, text: str) -> bool:
    assert (answer.status, answer.text) == (status, text)
    assert answer.headers["Content-Type"].startswith("text/plain")
    return True


def test_a_call_without_a_stream_id(scheduler: Scheduler, master: Place) -> None:
    call = {"type": "REVIVE", "framework_id": {"value": scheduler.framework_id}}
    text = "All non-subscribe calls should include the 'Mesos-Stream-Id' header"
    assert refused(master.call(call), 400, text)


@pytest.mark.parametrize("stream_id", ["nonsense", NOBODYS])
def test_a_call_with_another_stream_id(scheduler: Scheduler, master: Place, stream_id: str) -> None:
    call = {"type": "REVIVE", "framework_id": {"value": scheduler.framework_id}}
    text = (
        f"The stream ID '{stream_id}' included in this request didn't match "
        f"the stream ID currently associated with framework ID {scheduler.framework_id}"
    )
    assert refused(master.call(call, {"Mesos-Stream-Id": stream_id}), 400, text)


@pytest.mark.parametrize("body", [b"", b'{"type":', b"no json"])
def test_a_body_that_is_no_json(master: Place, body: bytes) -> None:
    answer = master.call(body)
    assert answer.status == 400
    assert answer.text.startswith("Failed to parse body into JSON: syntax error")


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1"])
def test_a_body_that_is_no_object(master: Place, body: bytes) -> None:
    assert refused(master.call(body), 400, "Failed to convert JSON into Call protobuf: Expecting a JSON object")


@pytest.mark.parametrize("kind", [{"type": "DANCE"}, {}])
def test_an_unknown_type_or_none(scheduler: Scheduler, kind: dict[str, str]) -> None:
    call = {**kind, "framework_id": {"value": scheduler.framework_id}}
    answer = scheduler.master.call(call, {"Mesos-Stream-Id": scheduler.stream_id})
    assert refused(answer, 400, "Failed to validate scheduler::Call: Expecting 'type' to be present")


def test_a_call_without_a_framework(scheduler: Scheduler) -> None:
    answer = scheduler.master.call({"type": "REVIVE"}, {"Mesos-Stream-Id": scheduler.stream_id})
    assert refused(answer, 400, "Failed to validate scheduler::Call: Expecting 'framework_id' to be present")


@pytest.mark.parametrize("headers", [{}, {"Mesos-Stream-Id": NOBODYS}])
def test_a_call_of_a_framework_that_nobody_knows(master: Place, headers: dict[str, str]) -> None:
    call = {"type": "REVIVE", "framework_id": {"value": "nobody"}}
    assert refused(master.call(call, headers), 400, "Framework cannot be found")


def test_a_call_of_a_framework_that_nobody_speaks_for(scheduler: Scheduler, master: Place) -> None:
    """Its scheduler has gone, and may come back."""
    scheduler.disconnect()
    eventually(lambda: not master.framework(scheduler.framework_id)["connected"], 5, "the master has noticed")
    assert refused(scheduler.call("REVIVE"), 403, "Framework is not subscribed")


@pytest.mark.parametrize(
    "kind", ["SUBSCRIBE", "ACCEPT", "DECLINE", "KILL", "ACKNOWLEDGE", "RECONCILE", "SHUTDOWN", "MESSAGE", "REQUEST"]
)
def test_a_call_without_what_it_is_about(scheduler: Scheduler, kind: str) -> None:
    text = f"Failed to validate scheduler::Call: Expecting '{kind.lower()}' to be present"
    assert refused(scheduler.call(kind), 400, text)


@pytest.mark.parametrize(
    ("kind", "content", "missing"),
    [
        ("SUBSCRIBE", {}, "subscribe.framework_info"),
        (
            "SUBSCRIBE",
            {"framework_info": {}},
            "subscribe.framework_info.user, subscribe.framework_info.name",
        ),
        ("KILL", {}, "kill.task_id"),
        ("ACKNOWLEDGE", {"task_id": {"value": "t"}}, "acknowledge.agent_id, acknowledge.uuid"),
        ("RECONCILE", {"tasks": [{}]}, "reconcile.tasks[0].task_id"),
        (
            "ACCEPT",
            {"operations": [{"type": "LAUNCH", "launch": {"task_infos": [{"name": "t"}]}}]},
            "accept.operations[0].launch.task_infos[0].task_id, accept.operations[0].launch.task_infos[0].agent_id",
        ),
    ],
)
def test_a_call_that_lacks_a_field(scheduler: Scheduler, kind: str, content: dict[str, Any], missing: str) -> None:
    text = f"Failed to convert JSON into Call protobuf: Missing required fields: {missing}"
    assert refused(scheduler.call(kind, **{kind.lower(): content}), 400, text)


@pytest.mark.parametrize(
    ("kind", "content", "text"),
    [
        ("ACCEPT", {"offer_ids": "x"}, "Not expecting a JSON string for field 'offer_ids'"),
        ("DECLINE", {"filters": [1]}, "Not expecting a JSON array for field 'filters'"),
        ("KILL", {"task_id": "x"}, "Not expecting a JSON string for field 'task_id'"),
    ],
)
def test_a_field_of_another_kind(scheduler: Scheduler, kind: str, content: dict[str, Any], text: str) -> None:
    answer = scheduler.call(kind, **{kind.lower(): content})
    assert refused(answer, 400, f"Failed to convert JSON into Call protobuf: {text}")


@pytest.mark.parametrize(
    "field",
    [
        {"resources": [{"name": "cpus", "type": "scalar", "scalar": {"value": 1}}]},
        {"container": {"type": "scalar"}},
        {"container": {"type": "MESOS", "mesos": {"image": {"type": "scalar"}}}},
        {"container": {"type": "MESOS", "volumes": [{"mode": "scalar", "container_path": "/x", "host_path": "/y"}]}},
    ],
)
def test_a_value_that_an_enum_does_not_have(scheduler: Scheduler, field: dict[str, Any]) -> None:
    """Where one is required; elsewhere it is taken for none."""
    info = {"name": "t", "task_id": {"value": "t"}, "agent_id": {"value": "a"}, **field}
    operations = [{"type": "LAUNCH", "launch": {"task_infos": [info]}}]
    answer = scheduler.call("ACCEPT", accept={"offer_ids": [{"value": "x"}], "operations": operations})
    assert refused(answer, 400, "Failed to convert JSON into Call protobuf: Failed to find enum for 'scalar'")


@pytest.mark.parametrize(
    ("uuid_", "text"),
    [
        (
            "%%%",
            "Failed to convert JSON into Call protobuf: "
            "Failed to base64 decode bytes field 'uuid': Invalid character '%'",
        ),
        ("AAAA", "Failed to validate scheduler::Call: Not a valid UUID"),
    ],
)
def test_an_acknowledgement_of_no_uuid(scheduler: Scheduler, uuid_: str, text: str) -> None:
    wanted = {"task_id": {"value": "t"}, "agent_id": {"value": "a"}, "uuid": uuid_}
    assert refused(scheduler.call("ACKNOWLEDGE", acknowledge=wanted), 400, text)


@pytest.mark.parametrize("framework_id", [{}, {"id": {"value": "another"}}])
def test_a_subscription_with_two_framework_ids(master: Place, framework_id: dict[str, Any]) -> None:
    info = {"user": "root", "name": "two", **framework_id}
    call = {"type": "SUBSCRIBE", "framework_id": {"value": "one"}, "subscribe": {"framework_info": info}}
    text = "Failed to validate scheduler::Call: 'framework_id' differs from 'subscribe.framework_info.id'"
    assert refused(master.call(call), 400, text)


@pytest.mark.parametrize("kind", ["text/plain", "application/json; charset=utf-8"])
def test_another_content_type(scheduler: Scheduler, kind: str) -> None:
    """A charset behind it makes it another one, too."""
    headers = {"Mesos-Stream-Id": scheduler.stream_id, "Content-Type": kind}
    call = {"type": "REVIVE", "framework_id": {"value": scheduler.framework_id}}
    text = "Expecting 'Content-Type' of application/json or application/x-protobuf"
    assert refused(scheduler.master.call(call, headers), 415, text)


def test_no_content_type(scheduler: Scheduler) -> None:
    call = {"type": "REVIVE", "framework_id": {"value": scheduler.framework_id}}
    answer = scheduler.master.ask(
        "POST", SCHEDULER, json.dumps(call).encode(), {"Mesos-Stream-Id": scheduler.stream_id}
    )
    assert refused(answer, 400, "Expecting 'Content-Type' to be present")


def test_a_subscriber_who_takes_neither_form(master: Place) -> None:
    call = {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "root", "name": "plain"}}}
    text = "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'"
    assert refused(master.call(call, {"Accept": "text/plain"}), 406, text)


def test_other_calls_may_take_whatever_they_like(scheduler: Scheduler) -> None:
    """Their answers are empty."""
    call = {"type": "REVIVE", "framework_id": {"value": scheduler.framework_id}}
    headers = {"Mesos-Stream-Id": scheduler.stream_id, "Accept": "text/plain"}
    assert scheduler.master.call(call, headers).status == 202


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_another_method(master: Place, method: str) -> None:
    answer = master.ask(method, SCHEDULER)
    assert answer.headers["Allow"] == "POST"
    text = f"405 Method Not Allowed. Expecting one of {{ 'POST' }}, but received '{method}'."
    assert refused(answer, 405, text)


def test_unknown_fields_are_passed_over(scheduler: Scheduler) -> None:
    assert scheduler.call("REVIVE", surplus={"a": 1}).status == 202
