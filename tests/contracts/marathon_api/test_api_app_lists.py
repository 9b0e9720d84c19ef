"""`/v2/apps`: searching, embedding, and changing several apps at once."""

from __future__ import annotations

from typing import Any

import pytest
from marathon_http import MarathonApi, paths, sleeper


def ids(api: MarathonApi, group: str, **query: Any) -> set[str]:
    answer = api.get("/v2/apps", **query)
    assert answer.status_code == 200, answer.text
    found = [each["id"] for each in answer.json()["apps"]]
    return {each.removeprefix(group + "/") for each in found if each.startswith(group + "/")}


@pytest.fixture
def shop(api: MarathonApi, group: str) -> str:
    for name, fields in (
        ("Web".lower(), {"cmd": "sleep 1111", "labels": {"tier": "front", "env": "prod"}}),
        ("api", {"cmd": "SLEEP=1; sleep 2222", "labels": {"tier": "back", "env": "prod"}}),
        ("deep/db", {"cmd": "sleep 3333", "labels": {"tier": "data", "a-b.c": "x y"}}),
    ):
        api.post("/v2/apps", sleeper(f"{group}/{name}", instances=0, **fields))
    return group


def test_list_has_counts_and_deployments(api: MarathonApi, shop: str) -> None:
    """Counts and `deployments` are always there; tasks and the last failure only if asked for."""
    for each in api.get("/v2/apps", id=shop).json()["apps"]:
        assert {"tasksStaged", "tasksRunning", "tasksHealthy", "tasksUnhealthy", "deployments"} <= set(each)
        assert not {"tasks", "lastTaskFailure", "tasksStats", "readinessCheckResults"} & set(each)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({"cmd": "sleep"}, {"web", "api", "deep/db"}),
        ({"cmd": "SLEEP 1111"}, {"web"}),
        ({"cmd": "nothing such"}, set()),
        ({"label": "tier"}, {"web", "api", "deep/db"}),
        ({"label": "env"}, {"web", "api"}),
        ({"label": "tier==front"}, {"web"}),
        ({"label": "tier == front"}, {"web"}),
        ({"label": "env!=prod"}, set()),
        ({"label": "tier!=front"}, {"api", "deep/db"}),
        ({"label": "tier in (front, back)"}, {"web", "api"}),
        ({"label": "tier notin (front,back)"}, {"deep/db"}),
        ({"label": "env notin (test)"}, {"web", "api"}),
        ({"label": "tier in (front,back),env==prod"}, {"web", "api"}),
        ({"label": "tier==front,env==test"}, set()),
        ({"label": "absent"}, set()),
        ({"cmd": "sleep", "label": "tier==back"}, {"api"}),
    ],
)
def test_filters(api: MarathonApi, shop: str, query: dict[str, str], wanted: set[str]) -> None:
    """id and cmd are case-insensitive parts; all selectors want the label to exist; a comma means and."""
    assert ids(api, shop, **query) == wanted


def test_filter_by_id(api: MarathonApi, shop: str) -> None:
    assert ids(api, shop, id=f"{shop.upper()}/DEEP") == {"deep/db"}
    assert ids(api, shop, id=f"{shop[1:]}/web") == {"web"}


@pytest.mark.parametrize("label", ["tier in", "tier==", "==front", "a b c", "tier in (front"])
def test_broken_selector_is_422(api: MarathonApi, label: str) -> None:
    answer = api.get("/v2/apps", label=label)
    assert answer.status_code == 422
    assert "label selector" in answer.json()["message"]


@pytest.mark.parametrize("prefix", ["apps", "app", "group.apps"])
def test_embed_tasks(api: MarathonApi, app: dict[str, Any], prefix: str) -> None:
    """The prefixes `app.`, `apps.`, `group.apps.` mean the same."""
    api.run(app)
    (shown,) = api.get("/v2/apps", id=app["id"], embed=f"{prefix}.tasks").json()["apps"]
    assert [task["state"] for task in shown["tasks"]] == ["TASK_RUNNING"]
    assert "lastTaskFailure" not in shown


def test_embed_last_failure_and_stats(api: MarathonApi, app: dict[str, Any]) -> None:
    api.post("/v2/apps", {**app, "cmd": "exit 3", "backoffSeconds": 60})
    api.until(lambda: "lastTaskFailure" in api.app(app["id"]))
    query = ["apps.lastTaskFailure", "apps.taskStats", "apps.readiness"]
    (shown,) = api.get("/v2/apps", id=app["id"], embed=query).json()["apps"]
    assert shown["lastTaskFailure"]["state"] == "TASK_FAILED"
    assert "tasks" not in shown
    assert "tasksStats" in shown
    assert shown["readinessCheckResults"] == []


def test_embed_failures_is_the_old_name(api: MarathonApi, app: dict[str, Any]) -> None:
    api.run(app)
    (shown,) = api.get("/v2/apps", id=app["id"], embed="apps.failures").json()["apps"]
    assert "tasks" in shown


def test_unknown_embed_is_ignored(api: MarathonApi, shop: str) -> None:
    assert api.get("/v2/apps", id=shop, embed="apps.nonsense").status_code == 200


def test_task_stats(api: MarathonApi, app: dict[str, Any]) -> None:
    api.run({**app, "instances": 2})
    (shown,) = api.get("/v2/apps", id=app["id"], embed="apps.taskStats").json()["apps"]
    stats = shown["tasksStats"]
    assert {"startedAfterLastScaling", "withLatestConfig", "totalSummary"} <= set(stats)
    assert stats["totalSummary"]["stats"]["counts"] == {"staged": 0, "running": 2, "healthy": 0, "unhealthy": 0}
    assert {"averageSeconds", "medianSeconds"} == set(stats["totalSummary"]["stats"]["lifeTime"])


def test_put_list_is_one_deployment(api: MarathonApi, group: str) -> None:
    """A list of new and known apps: one deployment for all."""
    api.done(api.post("/v2/apps", sleeper(f"{group}/one", instances=0)))
    answer = api.put("/v2/apps", [{"id": f"{group}/one", "mem": 17}, sleeper(f"{group}/two", instances=0)])
    assert answer.status_code == 200
    assert set(answer.json()) == {"version", "deploymentId"}
    api.done(answer)
    assert ids(api, group) == {"one", "two"}
    assert {api.app(f"{group}/{name}")["version"] for name in ("one", "two")} == {answer.json()["version"]}
    assert api.app(f"{group}/one")["cmd"] == "sleep 1000"


def test_put_list_complete(api: MarathonApi, group: str) -> None:
    api.done(api.post("/v2/apps", sleeper(f"{group}/one", instances=0, labels={"a": "b"})))
    api.done(api.put("/v2/apps", [sleeper(f"{group}/one", instances=0)], partialUpdate="false"))
    assert api.app(f"{group}/one")["labels"] == {}


def test_patch_list_never_creates(api: MarathonApi, group: str) -> None:
    api.done(api.post("/v2/apps", sleeper(f"{group}/one", instances=0)))
    answer = api.patch("/v2/apps", [{"id": f"{group}/one", "mem": 17}, sleeper(f"{group}/two")])
    assert answer.status_code == 404
    assert api.app(f"{group}/one")["mem"] == 16
    api.done(api.patch("/v2/apps", [{"id": f"{group}/one", "mem": 17}]))
    assert api.app(f"{group}/one")["mem"] == 17


def test_list_with_a_broken_app_changes_nothing(api: MarathonApi, group: str) -> None:
    answer = api.put("/v2/apps", [sleeper(f"{group}/one"), {"id": f"{group}/two", "cmd": "true", "cpus": "many"}])
    assert "/1/cpus" in paths(answer) or "(1)/cpus" in paths(answer)
    assert ids(api, group) == set()


def test_list_without_ids_is_422(api: MarathonApi, group: str) -> None:
    assert api.put("/v2/apps", [{"cmd": "true"}]).status_code == 422
    assert api.put("/v2/apps", {"id": f"{group}/x", "cmd": "true"}).status_code == 422


def test_list_with_dependencies_is_ordered(api: MarathonApi, group: str) -> None:
    """The steps follow the layers, as in any deployment."""
    apps = [
        sleeper(f"{group}/web", dependencies=[f"{group}/db"], constraints=[["x", "CLUSTER", "y"]]),
        sleeper(f"{group}/db", constraints=[["x", "CLUSTER", "y"]]),
    ]
    answer = api.put("/v2/apps", apps)
    (deployment,) = api.deployments(group)
    assert deployment["id"] == answer.json()["deploymentId"]
    assert [[each["app"].removeprefix(group) for each in step["actions"]] for step in deployment["steps"][1:]] == [
        ["/db"],
        ["/web"],
    ]
