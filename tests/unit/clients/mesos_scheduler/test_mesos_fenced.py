"""Recorded events of a real Mesos as records, and what pymesos may not do any more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ciprov.clients.mesos_scheduler.addresses import Master
from ciprov.clients.mesos_scheduler.fenced import FencedDriver, Subscription, framework_info
from ciprov.domain.mesos_events import (
    Failure,
    InverseOffers,
    InverseRescinded,
    MesosEvent,
    Message,
    Offers,
    OperationUpdate,
    Rescinded,
    Unreadable,
    Update,
)
from ciprov.domain.mesos_scheduler import Framework

RECORDED = Path(__file__).parents[3] / "cases/mesos_scheduler/events"
FRAMEWORK = Framework("ciprov", ("a", "b"), "F-1", suppressed=("b",), labels=(("k", "v"),))


class Heard:
    def __init__(self) -> None:
        self.events: list[MesosEvent] = []
        self.subscribed: list[dict[str, Any]] = []
        subscription = Subscription(framework_info(FRAMEWORK), Master("m", 5050, prefix="/p"), ("b",), "Bearer x")
        self.driver = FencedDriver(subscription, self.events.append, self.subscribed.append)

    def hear(self, event: Any) -> None:
        self.driver.process_event(event)


@pytest.mark.parametrize("path", sorted(RECORDED.glob("*.json")), ids=lambda path: path.stem)
def test_every_recorded_event_is_read(path: Path) -> None:
    heard = Heard()
    event = json.loads(path.read_text())
    heard.hear(event)
    assert heard.driver.events == 1
    assert not any(isinstance(one, Unreadable) for one in heard.events)
    kind = path.stem.split(".")[0]
    expected = {
        "OFFERS": Offers,
        "INVERSE_OFFERS": InverseOffers,
        "RESCIND": Rescinded,
        "RESCIND_INVERSE_OFFER": InverseRescinded,
        "UPDATE": Update,
        "FAILURE": Failure,
    }.get(kind)
    assert [type(one) for one in heard.events] == ([expected] if expected else [])
    if kind == "UPDATE":
        update = heard.events[0]
        assert isinstance(update, Update)
        assert update.status == event["update"]["status"]
        assert path.stem.split(".")[1] == update.state
    assert bool(heard.subscribed) == heard.driver.is_subscribed == (kind == "SUBSCRIBED")


def test_events_that_were_not_recorded() -> None:
    heard = Heard()
    heard.hear({"type": "FAILURE", "failure": {"agent_id": {"value": "S"}, "executor_id": {"value": "e"}, "status": 9}})
    heard.hear({"type": "FAILURE", "failure": {"agent_id": {"value": "S"}, "executor_id": {"value": "e"}}})
    message = {"agent_id": {"value": "S"}, "executor_id": {"value": "e"}, "data": "aGk="}
    heard.hear({"type": "MESSAGE", "message": message})
    status = {"state": "OPERATION_FINISHED", "uuid": {"value": "u"}}
    heard.hear({"type": "UPDATE_OPERATION_STATUS", "update_operation_status": {"status": status}})
    assert heard.events == [
        Failure("S", "e", 9),
        Failure("S", "e", None),
        Message("S", "e", "aGk="),
        OperationUpdate(status),
    ]


def test_after_an_error_nothing_more_is_heard() -> None:
    heard = Heard()
    heard.hear({"type": "ERROR", "error": {"message": "Framework failed over"}})
    heard.hear(json.loads((RECORDED / "OFFERS.json").read_text()))
    assert heard.driver.error == "Framework failed over"
    assert heard.events == []


def test_the_request_that_subscribes() -> None:
    head, _, body = Heard().driver.gen_request().partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /p/api/v1/scheduler HTTP/1.1"
    assert "Host: m:5050" in lines
    assert "Authorization: Bearer x" in lines
    assert f"Content-Length: {len(body)}" in lines
    assert json.loads(body) == {
        "type": "SUBSCRIBE",
        "framework_id": {"value": "F-1"},
        "subscribe": {
            "suppressed_roles": ["b"],
            "framework_info": {
                "id": {"value": "F-1"},
                "name": "ciprov",
                "user": "root",
                "roles": ["a", "b"],
                "failover_timeout": 604800.0,
                "checkpoint": True,
                "capabilities": [{"type": "MULTI_ROLE"}, {"type": "PARTITION_AWARE"}],
                "labels": {"labels": [{"key": "k", "value": "v"}]},
            },
        },
    }


def test_pymesos_cannot_act_by_itself() -> None:
    driver = Heard().driver
    for name in ("start", "stop", "abort", "run", "join", "_run", "_send", "_teardown"):
        with pytest.raises(RuntimeError):
            getattr(driver, name)()
    assert "Bearer" not in repr(Subscription({}, Master("m", 1), (), "Bearer x"))
