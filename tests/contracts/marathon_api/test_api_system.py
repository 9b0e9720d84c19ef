"""Info, leader, ping, metrics, headers, and what this API has none of."""

from __future__ import annotations

import pytest
from marathon_http import MarathonApi


def test_ping(api: MarathonApi) -> None:
    answer = api.get("/ping")
    assert (answer.status_code, answer.text.strip()) == (200, "pong")
    assert answer.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("accepted", "body", "kind"),
    [
        ("*/*", "pong", "text/plain"),
        ("text/*", "pong", "text/plain"),
        ("text/html", "pong", "text/html"),
        ("application/json", '"pong"', "application/json"),
    ],
)
def test_ping_in_the_wanted_form(api: MarathonApi, accepted: str, body: str, kind: str) -> None:
    answer = api.get("/ping", headers={"Accept": accepted})
    assert (answer.status_code, answer.text) == (200, body)
    assert answer.headers["Content-Type"].startswith(kind)
    assert api.get("/ping", headers={"Accept": "image/png"}).status_code == 204


def test_info(api: MarathonApi) -> None:
    shown = api.get("/v2/info").json()
    assert {"name", "version", "elected", "leader", "frameworkId"} <= set(shown)
    assert {"marathon_config", "zookeeper_config", "http_config"} <= set(shown)
    assert (shown["name"], shown["elected"]) == ("marathon", True)
    assert shown["version"].startswith("1.11.")
    config = shown["marathon_config"]
    assert (config["local_port_min"], config["local_port_max"]) == (10000, 20000)
    assert isinstance(config["features"], list)
    assert {"checkpoint", "executor", "failover_timeout", "framework_name", "ha", "hostname", "master"} <= set(config)
    assert {"mesos_role", "mesos_leader_ui_url", "task_launch_timeout", "reconciliation_interval"} <= set(config)
    assert "http_port" in shown["http_config"]


def test_leader(api: MarathonApi) -> None:
    """The leader of info, of /v2/leader and of the header is one."""
    answer = api.get("/v2/leader")
    leader = answer.json()["leader"]
    assert set(answer.json()) == {"leader"}
    assert leader == api.get("/v2/info").json()["leader"]
    assert answer.headers["X-Marathon-Leader"] == f"http://{leader}"


def test_abdication(api: MarathonApi) -> None:
    answer = api.delete("/v2/leader")
    assert (answer.status_code, answer.json()) == (200, {"message": "Leadership abdicated"})
    assert api.get("/v2/leader").status_code == 200


def test_metrics(api: MarathonApi) -> None:
    answer = api.get("/metrics")
    assert answer.headers["Content-Type"].startswith("application/json")
    shown = answer.json()
    assert shown["version"] == "4.0.0"
    assert {"gauges", "counters", "histograms", "meters", "timers"} <= set(shown)
    for name in (
        "marathon.apps.active.gauge",
        "marathon.groups.active.gauge",
        "marathon.deployments.active.gauge",
        "marathon.instances.running.gauge",
        "marathon.instances.staged.gauge",
        "marathon.instances.launch-overdue.gauge",
        "marathon.instances.inflight-kills.gauge",
        "marathon.leadership.duration.gauge.seconds",
        "marathon.uptime.gauge.seconds",
    ):
        assert isinstance(shown["gauges"][name]["value"], int | float)
    for name in ("marathon.deployments.counter", "marathon.tasks.launched.counter"):
        assert isinstance(shown["counters"][name]["count"], int)


def test_app_count_goes_up(api: MarathonApi, app: dict[str, object]) -> None:
    def value(kind: str, name: str, field: str) -> int:
        return int(api.get("/metrics").json()[kind][name][field])

    apps = value("gauges", "marathon.apps.active.gauge", "value")
    launched = value("counters", "marathon.tasks.launched.counter", "count")
    deployments = value("counters", "marathon.deployments.counter", "count")
    api.run(app)
    assert value("gauges", "marathon.apps.active.gauge", "value") == apps + 1
    assert value("counters", "marathon.tasks.launched.counter", "count") == launched + 1
    assert value("counters", "marathon.deployments.counter", "count") == deployments + 1


def test_prometheus_is_switched_off(api: MarathonApi) -> None:
    """As in a Marathon without its flag."""
    answer = api.get("/metrics/prometheus")
    assert (answer.status_code, answer.json()["message"]) == (404, "Prometheus reporter is disabled")


def test_root_leads_to_the_ui(api: MarathonApi) -> None:
    answer = api.get("/")
    assert (answer.status_code, answer.headers["Location"].removeprefix(api.base)) == (302, "/ui/")


@pytest.mark.parametrize("path", ["/v2/apps", "/v2/groups", "/v2/deployments", "/v2/queue", "/v2/tasks", "/v2/info"])
def test_headers(api: MarathonApi, path: str) -> None:
    answer = api.get(path)
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["X-Marathon-Leader"].startswith("http")
    assert "no-cache" in answer.headers["Cache-Control"]
    assert answer.headers["Pragma"] == "no-cache"
    assert answer.headers["Expires"] == "0"


def test_plugins_and_pods(api: MarathonApi) -> None:
    assert api.get("/v2/plugins").json() == {"plugins": []}
    assert api.get("/v2/pods").json() == []
    assert api.get("/v2/pods/::status").json() == []


def test_head_is_answered(api: MarathonApi) -> None:
    for path in ("/ping", "/v2/apps", "/v2/pods"):
        answer = api.call("HEAD", path)
        assert (answer.status_code, answer.content) == (200, b"")


def test_credentials(api: MarathonApi) -> None:
    """401 with a message where they are missing or wrong; only where the Marathon asks for them at all."""
    wrong = MarathonApi(api.base, "somebody", "else")
    if api.get("/v2/apps").status_code == wrong.get("/v2/apps").status_code:
        pytest.skip("this Marathon asks for no credentials")
    assert wrong.get("/v2/apps").status_code == 401
    assert wrong.get("/v2/apps").json()["message"]
    assert MarathonApi(api.base, "", "").get("/v2/info").status_code == 401
