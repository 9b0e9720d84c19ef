"""Marathon's events as lines about environments."""

from __future__ import annotations

from typing import Any

import pytest

from ciprov.domain.marathon import STREAM_LOST, MarathonEvent
from ciprov.environments.events.from_marathon import FOLLOWED, Place, happenings
from ciprov.environments.events.happening import Happening, Sort

NOW = "2030-01-01T00:00:00.000Z"
PLACE = Place({"/elsewhere/old": "old"}, "/ciprov")


def told(kind: str, data: dict[str, Any], place: Place = PLACE) -> tuple[Happening, ...]:
    return happenings(MarathonEvent(kind, data), place, NOW)


def status(app: str, **more: Any) -> dict[str, Any]:
    return {"appId": app, "taskStatus": "TASK_FAILED", "taskId": "t.1", "host": "h", "message": "exit 1\nlater", **more}


def test_a_task_is_told_with_its_environment_app_host_and_message():
    (one,) = told("status_update_event", status("/ciprov/x/back/api", timestamp="2029-12-31T00:00:00.000Z"))
    assert str(one) == "2029-12-31T00:00:00.000Z  x  task back/api: failed (on h: exit 1 …)"
    assert one.to_json()["message"] == "exit 1\nlater"
    assert one.to_json()["task_status"] == "TASK_FAILED"


@pytest.mark.parametrize(
    ("app", "prefix", "found"),
    [
        ("/ciprov/x/api", "/ciprov", ("x", "api")),
        ("/elsewhere/old/api", "/ciprov", ("old", "api")),
        ("/ciprovider/x/api", "/ciprov", None),
        ("/ciprov/x", "/ciprov", None),
        ("/x/api", "/", ("x", "api")),
        ("", "/", None),
    ],
)
def test_the_environment_of_an_app_is_told_by_its_group(app, prefix, found):
    assert Place({"/elsewhere/old": "old"}, prefix).of(app) == found


def test_only_the_environment_that_is_asked_for_is_told():
    place = Place({}, "/ciprov", "x")
    assert not told("status_update_event", status("/ciprov/y/api"), place)
    assert told("status_update_event", status("/ciprov/x/api"), place)


def test_health_is_told_once_it_changes():
    (one,) = told("health_status_changed_event", {"appId": "/ciprov/x/api", "alive": False, "instanceId": "i"})
    assert (one.sort, one.state, one.at) == (Sort.HEALTH, "unhealthy", NOW)


def test_a_deployment_of_two_environments_is_told_of_each_with_what_it_does():
    actions = [
        {"action": "StartApplication", "app": "/ciprov/x/a"},
        {"action": "ScaleApplication", "app": "/ciprov/y/b"},
    ]
    data = {"plan": {"id": "d-1", "steps": [{"actions": actions}]}, "currentStep": {"actions": actions[1:]}}
    assert [(one.environment, one.detail) for one in told("deployment_info", data)] == [
        ("x", "a"),
        ("y", "ScaleApplication b"),
    ]
    (ended, _) = told("deployment_success", {"id": "d-1", "plan": data["plan"]})
    assert str(ended) == f"{NOW}  x  deployment d-1: done (a)"


def test_a_broken_stream_is_told_of_all_environments():
    (one,) = told(STREAM_LOST, {"server": "http://m"})
    assert str(one).startswith(f"{NOW}  -  stream: Marathon's events are lost")


@pytest.mark.parametrize("kind", [*FOLLOWED, "api_post_event"])
@pytest.mark.parametrize("data", [{}, {"plan": [1]}, {"plan": {"steps": [1]}}, {"appId": ["a"], "plan": {"steps": 3}}])
def test_an_event_of_another_form_breaks_nothing(kind, data):
    assert all(one.environment == "" for one in told(kind, data))
