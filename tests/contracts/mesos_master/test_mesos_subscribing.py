"""SUBSCRIBE: what the stream looks like and what it begins with.

Facts: "Stream and calls"; recordings `subscribe_headers.txt`, `subscribe_recordio.raw`, `events/SUBSCRIBED.json`.
"""

from __future__ import annotations

import json
import uuid
from contextlib import closing
from typing import Any

import pytest
from plain_mesos import JSON_HEADERS, SCHEDULER, Place
from plain_scheduler import ENDED, Scheduler, Subscribe


def test_the_headers_of_a_stream(subscribe: Subscribe) -> None:
    answer = subscribe().answer
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert str(uuid.UUID(answer.headers["Mesos-Stream-Id"])) == answer.headers["Mesos-Stream-Id"]


def test_records_are_a_length_a_line_feed_and_that_many_bytes(master: Place) -> None:
    call = {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "root", "name": "bytes"}}}
    connection, answer = master.send("POST", SCHEDULER, json.dumps(call).encode(), JSON_HEADERS)
    with closing(connection), closing(answer):
        records = []
        while b'{"type":"HEARTBEAT"}' not in records:
            length = answer.readline()
            assert length.endswith(b"\n")
            assert length[:-1].isdigit()
            records.append(answer.read(int(length)))
    assert json.loads(records[0])["type"] == "SUBSCRIBED"
    for record in records:
        assert record.startswith(b"{")
        assert record.endswith(b"}")


def test_subscribed_tells_the_id_the_interval_and_the_master(subscribe: Subscribe, master: Place) -> None:
    told = subscribe().subscribed()
    assert told["framework_id"]["value"]
    assert told["heartbeat_interval_seconds"] == 15.0
    info, state = told["master_info"], master.read("/state")
    assert info["version"] == state["version"] == "1.11.0"
    assert info["id"] == state["id"]
    assert info["pid"] == state["pid"] == f"master@{info['address']['ip']}:{info['address']['port']}"
    assert info["hostname"] == info["address"]["hostname"] == state["hostname"]
    assert info["port"] == info["address"]["port"]
    assert master.base == f"http://{info['address']['ip']}:{info['port']}"
    octets = [int(part) for part in info["address"]["ip"].split(".")]
    assert info["ip"] == sum(octet << 8 * place for place, octet in enumerate(octets)), "in network byte order"


def test_subscribed_comes_first_and_a_heartbeat_at_once(scheduler: Scheduler) -> None:
    """A real master may make its first offers in between, where it is busy."""
    scheduler.wait_for("HEARTBEAT", seconds=2)
    assert scheduler.seen[0]["type"] == "SUBSCRIBED"


def test_each_framework_has_an_id_and_a_stream_of_its_own(subscribe: Subscribe) -> None:
    one, other = subscribe(), subscribe()
    one.subscribed()
    other.subscribed()
    assert one.framework_id != other.framework_id
    assert one.stream_id != other.stream_id


@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/html, application/json;q=0.5"])
def test_who_takes_json_gets_json(master: Place, accept: str) -> None:
    call = {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "root", "name": "taker"}}}
    headers = {"Content-Type": "application/json", "Accept": accept}
    connection, answer = master.send("POST", SCHEDULER, json.dumps(call).encode(), headers)
    with closing(connection), closing(answer):
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"capabilities": ()}, "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"),
        ({"roles": ["ci", "ci"]}, "'FrameworkInfo.roles' contains duplicate items: { ci }"),
        ({"roles": ["-ci"]}, "'FrameworkInfo.roles' contains invalid role: Role component '-ci' is invalid because"),
        ({"roles": [], "role": "ci"}, "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable"),
        ({"failover_timeout": 1e30}, "The framework failover_timeout (1e+30) is invalid"),
        ({"id": {"value": "a/b"}}, "'a/b' contains invalid characters"),
        ({"subscribe": {"suppressed_roles": ["x"]}}, "Suppressed role 'x' is not contained in the list of roles"),
    ],
)
def test_an_impossible_framework_is_told_by_an_error_event(
    subscribe: Subscribe, fields: dict[str, Any], message: str
) -> None:
    """With HTTP 200: only the event tells that nobody is subscribed, and nothing follows it."""
    refused = subscribe(**fields)
    assert refused.answer.status == 200
    assert refused.wait_for("ERROR")["error"]["message"].startswith(message)
    refused.wait_for(ENDED)
    assert [event["type"] for event in refused.seen] == ["ERROR", ENDED]


@pytest.mark.parametrize(
    ("role", "message"),
    [
        ("", "Role names cannot be the empty string"),
        ("-x", "Role component '-x' is invalid because it starts with a dash"),
        ("a b", "Role component 'a b' is invalid because it contains backspace or whitespace"),
        ("..", "Role '..' cannot include '..' as a component"),
        ("a/../b", "Role 'a/../b' cannot include '..' as a component"),
        ("a/*", "Role 'a/*' cannot include '*' as a component"),
        ("/a", "Role '/a' cannot start with a slash"),
        ("a/", "Role 'a/' cannot end with a slash"),
        ("a//b", "Role 'a//b' cannot contain two adjacent slashes"),
    ],
)
def test_a_name_that_no_role_has(subscribe: Subscribe, role: str, message: str) -> None:
    refused = subscribe(capabilities=(), roles=[], role=role)
    told = refused.wait_for("ERROR")["error"]["message"]
    assert told == f"'FrameworkInfo.role' is not a valid role: {message}"


def test_an_empty_id_is_none(subscribe: Subscribe) -> None:
    assert subscribe(id={"value": ""}).subscribed()["framework_id"]["value"]


def test_a_capability_of_a_later_version_is_passed_over(subscribe: Subscribe) -> None:
    subscribe(capabilities=("MULTI_ROLE", "BEER")).subscribed()


def test_a_framework_without_roles_gets_no_offers(subscribe: Subscribe) -> None:
    """SUBSCRIBE with `roles: []` is taken all the same."""
    idle, busy = subscribe(roles=[]), subscribe()
    idle.subscribed()
    busy.offer()
    assert not [event for event in idle.pending() if event["type"] == "OFFERS"]
