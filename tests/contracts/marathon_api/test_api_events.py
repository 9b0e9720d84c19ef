"""`/v2/events`: exact types and fields."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from marathon_http import Events, MarathonApi, sleeper


@pytest.fixture
def events(api: MarathonApi) -> Iterator[Events]:
    stream = api.events()
    yield stream
    stream.close()


def test_stream(api: MarathonApi, events: Events) -> None:
    """Server-sent events; the reader hears of its own arrival."""
    assert events.status == 200
    assert events.headers["Content-Type"].startswith("text/event-stream")
    first = events.next("event_stream_attached")
    assert first["eventType"] == "event_stream_attached"
    assert first["remoteAddress"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first["timestamp"])


def test_detached(api: MarathonApi, events: Events) -> None:
    other = api.events()
    other.next("event_stream_attached")
    other.close()
    assert events.next("event_stream_detached")["remoteAddress"]


def test_filter(api: MarathonApi, app: dict[str, Any]) -> None:
    """`event_type` may be repeated."""
    stream = api.events("deployment_success", "app_terminated_event")
    api.run(app)
    api.done(api.delete(f"/v2/apps{app['id']}"))
    stream.next("app_terminated_event", lambda event: event["appId"] == app["id"])
    stream.close()
    assert {name for name, _ in stream.seen} <= {"deployment_success", "app_terminated_event"}


def test_life_of_an_app(api: MarathonApi, events: Events, app: dict[str, Any]) -> None:
    """From the POST to the end of its deployment."""
    answer = api.post("/v2/apps", app)
    deployment_id, version = answer.headers["Marathon-Deployment-Id"], answer.json()["version"]
    api.done(answer)
    (task,) = api.tasks(app["id"])
    group = app["id"].rpartition("/")[0]

    posted = events.next("api_post_event", lambda event: event["appDefinition"]["id"] == app["id"])
    assert set(posted) == {"eventType", "timestamp", "clientIp", "uri", "appDefinition"}
    assert posted["uri"] == "/v2/apps"

    changed = events.next("group_change_success", lambda event: event["groupId"] == group)
    assert changed["version"] == version
    assert set(changed) == {"eventType", "timestamp", "groupId", "version"}

    plan = {
        "id": deployment_id,
        "version": version,
        "steps": [
            {"actions": [{"action": "StartApplication", "app": app["id"]}]},
            {"actions": [{"action": "ScaleApplication", "app": app["id"]}]},
        ],
    }
    for name in ("deployment_info", "deployment_step_success"):
        for step in plan["steps"]:
            event = events.next(
                name,
                lambda event, step=step: event["plan"]["id"] == deployment_id and event["currentStep"] == step,
            )
            assert event["plan"] == plan
            assert set(event) == {"eventType", "timestamp", "plan", "currentStep"}

    ended = events.next("deployment_success", lambda event: event["id"] == deployment_id)
    assert ended["plan"] == plan
    assert set(ended) == {"eventType", "timestamp", "id", "plan"}

    running = events.next(
        "status_update_event", lambda event: event["taskId"] == task["id"] and event["taskStatus"] == "TASK_RUNNING"
    )
    assert set(running) == {
        "eventType",
        "timestamp",
        "slaveId",
        "taskId",
        "taskStatus",
        "message",
        "appId",
        "host",
        "ipAddresses",
        "ports",
        "version",
    }
    assert (running["appId"], running["host"], running["ports"]) == (app["id"], task["host"], task["ports"])
    assert (running["slaveId"], running["version"]) == (task["slaveId"], version)

    instance = events.next(
        "instance_changed_event", lambda event: event["runSpecId"] == app["id"] and event["condition"] == "Running"
    )
    assert set(instance) == {
        "eventType",
        "timestamp",
        "instanceId",
        "condition",
        "runSpecId",
        "agentId",
        "host",
        "runSpecVersion",
    }
    assert instance["instanceId"] == task["id"].split("._app")[0]


def test_end_of_an_app(api: MarathonApi, events: Events, app: dict[str, Any]) -> None:
    api.run(app)
    (task,) = api.tasks(app["id"])
    api.done(api.delete(f"/v2/apps{app['id']}"))
    for state in ("TASK_KILLING", "TASK_KILLED"):
        events.next(
            "status_update_event", lambda event, s=state: (event["taskId"], event["taskStatus"]) == (task["id"], s)
        )
    gone = events.next("app_terminated_event", lambda event: event["appId"] == app["id"])
    assert set(gone) == {"eventType", "timestamp", "appId"}


def test_refused_change(api: MarathonApi, events: Events, group: str) -> None:
    """A change that is refused for a lock raises `group_change_failed`, with the reason."""
    api.put(f"/v2/groups{group}", {"apps": [sleeper("a", constraints=[["x", "CLUSTER", "y"]])]})
    assert api.delete(f"/v2/groups{group}").status_code == 409
    failed = events.next("group_change_failed")
    assert set(failed) == {"eventType", "timestamp", "groupId", "version", "reason"}
    assert failed["reason"]


def test_cancelled_deployment_fails(api: MarathonApi, events: Events, app: dict[str, Any]) -> None:
    answer = api.post("/v2/apps", {**app, "constraints": [["x", "CLUSTER", "y"]]})
    deployment_id = answer.headers["Marathon-Deployment-Id"]
    api.done(api.delete(f"/v2/deployments/{deployment_id}"))
    failed = events.next("deployment_failed", lambda event: event["id"] == deployment_id)
    assert failed["plan"]["id"] == deployment_id


def test_health_events(api: MarathonApi, events: Events, app: dict[str, Any]) -> None:
    """Checks that come and go, and what an instance's health becomes."""
    check = {"protocol": "COMMAND", "command": {"value": "true"}, "intervalSeconds": 1, "delaySeconds": 0}
    version = api.run({**app, "healthChecks": [check]})["version"]

    def mine(event: dict[str, Any]) -> bool:
        return app["id"] in (event.get("appId"), event.get("runSpecId"))

    added = events.next("add_health_check_event", mine)
    assert set(added) == {"eventType", "timestamp", "appId", "version", "healthCheck"}
    assert added["healthCheck"]["protocol"] == "COMMAND"
    changed = events.next("instance_health_changed_event", mine)
    assert set(changed) == {"eventType", "timestamp", "instanceId", "runSpecId", "runSpecVersion", "healthy"}
    assert (changed["healthy"], changed["runSpecVersion"]) == (True, version)
    status = events.next("health_status_changed_event", mine)
    assert set(status) == {"eventType", "timestamp", "appId", "instanceId", "version", "alive"}
    api.done(api.delete(f"/v2/apps{app['id']}"))
    assert events.next("remove_health_check_event", mine)["eventType"] == "remove_health_check_event"


def test_post_event_of_updates(api: MarathonApi, events: Events, app: dict[str, Any]) -> None:
    api.run({**app, "instances": 0})
    api.done(api.put(f"/v2/apps{app['id']}", {"mem": 18}))
    event = events.next("api_post_event", lambda event: event["appDefinition"]["mem"] == 18)
    assert event["uri"] == f"/v2/apps{app['id']}"


def test_events_keep_their_order_here(api: MarathonApi, events: Events, app: dict[str, Any]) -> None:
    api.run(app)
    events.next("deployment_success", lambda event: any(app["id"] in str(step) for step in event["plan"]["steps"]))
    times = [data["timestamp"] for _, data in events.seen]
    assert times == sorted(times)


def test_other_forms_are_refused(api: MarathonApi) -> None:
    assert api.get("/v2/events", headers={"Accept": "application/json"}).status_code == 406
