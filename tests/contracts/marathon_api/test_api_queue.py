"""`/v2/queue`, back-off, failures, selection of who is killed."""

from __future__ import annotations

from typing import Any

import pytest
from marathon_http import MarathonApi, sleeper

FAILING = {"cmd": "exit 3", "backoffSeconds": 60, "backoffFactor": 2}


def delayed(api: MarathonApi, app_id: str) -> dict[str, Any]:
    """The queue's entry of an app once it backs off."""

    def look() -> dict[str, Any] | None:
        entry = api.queued(app_id)
        return entry if entry and entry["delay"]["timeLeftSeconds"] > 0 else None

    return dict(api.until(look))


def test_entry_of_what_cannot_be_placed(api: MarathonApi, app: dict[str, Any]) -> None:
    answer = api.post("/v2/apps", {**app, "instances": 3, "constraints": [["nowhere", "CLUSTER", "x"]]})
    entry = api.until(
        lambda: (e := api.queued(app["id"])) and e["processedOffersSummary"]["processedOffersCount"] and e
    )
    assert set(entry) == {"count", "role", "since", "app", "delay", "processedOffersSummary"}
    assert (entry["count"], entry["role"]) == (3, "*")
    assert entry["delay"] == {"timeLeftSeconds": 0, "overdue": True}
    assert entry["app"]["version"] == answer.json()["version"]
    summary = entry["processedOffersSummary"]
    assert summary["unusedOffersCount"] == summary["processedOffersCount"] > 0
    assert summary["lastUnusedOfferAt"].endswith("Z")
    assert "lastUsedOfferAt" not in summary
    for name in ("rejectSummaryLastOffers", "rejectSummaryLaunchAttempt"):
        assert [each["reason"] for each in summary[name]][:2] == ["UnfulfilledRole", "UnfulfilledConstraint"]
        assert {each["reason"]: each["declined"] for each in summary[name]}["UnfulfilledConstraint"] > 0
        assert all(set(each) == {"reason", "declined", "processed"} for each in summary[name])


def test_funnel(api: MarathonApi, group: str) -> None:
    """Each reason sees what the reasons before it let pass."""
    for name, fields, reason in (
        ("cpus", {"cpus": 100000}, "InsufficientCpus"),
        ("mem", {"mem": 100000000}, "InsufficientMemory"),
        ("disk", {"disk": 1000000000}, "InsufficientDisk"),
        ("ports", {"requirePorts": True, "portDefinitions": [{"port": 80}]}, "InsufficientPorts"),
    ):
        app_id = f"{group}/{name}"
        api.post("/v2/apps", {**sleeper(app_id), **fields})
        entry = api.until(
            lambda app_id=app_id: (
                (e := api.queued(app_id)) and e["processedOffersSummary"]["processedOffersCount"] and e
            )
        )
        steps = entry["processedOffersSummary"]["rejectSummaryLastOffers"]
        declined = {each["reason"]: each["declined"] for each in steps}
        assert {key for key, value in declined.items() if value} == {reason}
        left = steps[0]["processed"]
        for each in steps:
            assert each["processed"] == left
            left -= each["declined"]
        assert left == 0


def test_last_unused_offers(api: MarathonApi, app: dict[str, Any]) -> None:
    """Only with `embed=lastUnusedOffers`: the offers with the reasons why they did not do."""
    api.post("/v2/apps", {**app, "constraints": [["nowhere", "CLUSTER", "x"]]})
    api.until(lambda: (e := api.queued(app["id"])) and e["processedOffersSummary"]["unusedOffersCount"])
    assert "lastUnusedOffers" not in (api.queued(app["id"]) or {})
    entry = api.queued(app["id"], embed="lastUnusedOffers")
    assert entry is not None
    assert isinstance(entry["lastUnusedOffers"], list)
    for unused in entry["lastUnusedOffers"]:
        assert unused["reason"] == ["UnfulfilledConstraint"]
        assert {"id", "agentId", "hostname", "resources", "attributes"} <= set(unused["offer"])
        assert unused["timestamp"].endswith("Z")
    assert entry["lastUnusedOffers"]


def test_running_apps_are_not_queued(api: MarathonApi, app: dict[str, Any]) -> None:
    api.run(app)
    assert api.queued(app["id"]) is None


def test_back_off(api: MarathonApi, app: dict[str, Any]) -> None:
    """A task that ends is relaunched, the first time after backoffSeconds; `overdue` is false meanwhile."""
    api.post("/v2/apps", {**app, **FAILING})
    entry = delayed(api, app["id"])
    assert entry["delay"]["overdue"] is False
    assert 50 <= entry["delay"]["timeLeftSeconds"] <= 60
    assert entry["count"] == 1


@pytest.mark.parametrize("code", [0, 1])
def test_every_end_adds_delay(api: MarathonApi, app: dict[str, Any], code: int) -> None:
    """With any exit code."""
    api.post("/v2/apps", {**app, **FAILING, "cmd": f"exit {code}"})
    delayed(api, app["id"])


def test_delay_grows(api: MarathonApi, app: dict[str, Any]) -> None:
    """Multiplied by backoffFactor at each further end, up to maxLaunchDelaySeconds."""
    api.post("/v2/apps", {**app, **FAILING, "backoffSeconds": 1, "backoffFactor": 50, "maxLaunchDelaySeconds": 40})

    def grown() -> dict[str, Any] | None:
        entry = api.queued(app["id"])
        return entry if entry and entry["delay"]["timeLeftSeconds"] > 20 else None

    assert api.until(grown)["delay"]["timeLeftSeconds"] <= 40


def test_delay_is_reset_by_hand(api: MarathonApi, app: dict[str, Any]) -> None:
    """DELETE of the delay: 204; 404 if nothing is queued."""
    api.post("/v2/apps", {**app, **FAILING, "backoffFactor": 1})
    delayed(api, app["id"])
    failed = api.app(app["id"])["lastTaskFailure"]["timestamp"]
    answer = api.delete(f"/v2/queue{app['id']}/delay")
    assert (answer.status_code, answer.content) == (204, b"")
    api.until(lambda: api.app(app["id"])["lastTaskFailure"]["timestamp"] > failed)


def test_unknown_delay(api: MarathonApi, app: dict[str, Any]) -> None:
    answer = api.delete(f"/v2/queue{app['id']}/delay")
    assert (answer.status_code, answer.json()["message"]) == (
        404,
        f"Application {app['id']} not found in tasks queue.",
    )
    api.run(app)
    assert api.delete(f"/v2/queue{app['id']}/delay").status_code == 404


def test_delay_is_reset_by_a_changed_definition(api: MarathonApi, app: dict[str, Any]) -> None:
    api.post("/v2/apps", {**app, **FAILING})
    delayed(api, app["id"])
    api.done(api.put(f"/v2/apps{app['id']}", {"cmd": "sleep 1000"}, force="true"))
    assert len(api.tasks(app["id"])) == 1


def test_delay_is_reset_by_a_restart(api: MarathonApi, app: dict[str, Any]) -> None:
    api.post("/v2/apps", {**app, **FAILING})
    delayed(api, app["id"])
    failed = api.app(app["id"])["lastTaskFailure"]["timestamp"]
    api.post(f"/v2/apps{app['id']}/restart", force="true")
    api.until(lambda: api.app(app["id"])["lastTaskFailure"]["timestamp"] > failed)


def test_delay_outlives_scaling(api: MarathonApi, app: dict[str, Any]) -> None:
    """Not by scaling."""
    api.post("/v2/apps", {**app, **FAILING})
    delayed(api, app["id"])
    api.put(f"/v2/apps{app['id']}", {"instances": 3}, force="true")
    entry = api.until(lambda: (e := api.queued(app["id"])) and e["count"] == 3 and e)
    assert entry["delay"]["timeLeftSeconds"] > 0
    assert entry["delay"]["overdue"] is False


def test_kills_add_no_delay(api: MarathonApi, app: dict[str, Any]) -> None:
    api.run({**app, "backoffSeconds": 600})
    before = api.task_ids(app["id"])
    api.delete(f"/v2/apps{app['id']}/tasks")
    api.until(lambda: api.task_ids(app["id"]) - before, 5)


def test_last_task_failure(api: MarathonApi, app: dict[str, Any]) -> None:
    version = api.post("/v2/apps", {**app, **FAILING}).json()["version"]
    failure = api.until(lambda: api.app(app["id"]).get("lastTaskFailure"))
    assert set(failure) == {"appId", "host", "message", "state", "taskId", "timestamp", "version", "slaveId"}
    assert (failure["appId"], failure["state"], failure["version"]) == (app["id"], "TASK_FAILED", version)
    assert "3" in failure["message"]
    assert ".instance-" in failure["taskId"]


def test_waiting_instances_are_no_tasks(api: MarathonApi, app: dict[str, Any]) -> None:
    """Instances waiting for launch are not listed at all."""
    api.post("/v2/apps", {**app, "constraints": [["nowhere", "CLUSTER", "x"]]})
    shown = api.app(app["id"])
    assert (shown["tasks"], shown["tasksStaged"]) == ([], 0)


@pytest.mark.parametrize(("selection", "kept"), [("YOUNGEST_FIRST", 0), ("OLDEST_FIRST", 1)])
def test_kill_selection(api: MarathonApi, app: dict[str, Any], selection: str, kept: int) -> None:
    """Scaling down kills by killSelection among running tasks."""
    api.run({**app, "killSelection": selection})
    first = api.task_ids(app["id"])
    api.done(api.put(f"/v2/apps{app['id']}", {"instances": 2}))
    second = api.task_ids(app["id"]) - first
    api.done(api.put(f"/v2/apps{app['id']}", {"instances": 1}))
    assert api.task_ids(app["id"]) == (first, second)[kept]
