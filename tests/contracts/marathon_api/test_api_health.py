"""Health checks: kinds, grace, failures, kills."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from marathon_http import MarathonApi

SERVER = """
import http.server, os, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            code = int(open(sys.argv[1]).read())
        except (OSError, ValueError):
            code = 200
        self.send_response(code)
        self.send_header("Location", "/other")
        self.end_headers()
    def log_message(self, *_): pass
server = http.server.HTTPServer((os.environ["HOST"], int(os.environ["PORT0"])), Handler)
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2])
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


def web(app: dict[str, Any], code: Path, **check: Any) -> dict[str, Any]:
    """An app that answers with the code that stands in a file, looked at every second."""
    command = f"exec {sys.executable} -c {shlex.quote(SERVER)} {shlex.quote(str(code))}"
    quick = {"intervalSeconds": 1, "timeoutSeconds": 2, "gracePeriodSeconds": 30, "delaySeconds": 0, **check}
    return {**app, "cmd": command, "healthChecks": [{"path": "/health", **quick}]}


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key and a certificate that nobody has signed, in one file."""
    file = tmp_path / "server.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test"
    subprocess.run([*command.split(), "-keyout", file, "-out", tmp_path / "cert"], check=True, capture_output=True)
    file.write_text(file.read_text() + (tmp_path / "cert").read_text())
    return file


@pytest.mark.parametrize("protocol", ["HTTPS", "MESOS_HTTPS"])
def test_https(api: MarathonApi, app: dict[str, Any], tmp_path: Path, certificate: Path, protocol: str) -> None:
    """No certificate is checked."""
    body = web(app, tmp_path / "code", protocol=protocol)
    api.run({**body, "cmd": f"{body['cmd']} {shlex.quote(str(certificate))}"})
    assert counts(api, app["id"]) == (1, 1, 0)


def test_https_wants_tls(api: MarathonApi, app: dict[str, Any], tmp_path: Path) -> None:
    """What speaks plain HTTP is not healthy."""
    api.post("/v2/apps", web(app, tmp_path / "code", protocol="HTTPS", gracePeriodSeconds=0, maxConsecutiveFailures=0))
    results = api.until(lambda: [r for task in api.tasks(app["id"]) for r in task["healthCheckResults"]])
    api.until(lambda: api.tasks(app["id"])[0]["healthCheckResults"][0].get("lastFailureCause"))
    assert not results[0]["alive"]


def counts(api: MarathonApi, app_id: str) -> tuple[int, int, int]:
    shown = api.app(app_id)
    return shown["tasksRunning"], shown["tasksHealthy"], shown["tasksUnhealthy"]


@pytest.mark.parametrize("protocol", ["HTTP", "TCP", "COMMAND", "MESOS_HTTP", "MESOS_TCP"])
def test_healthy(api: MarathonApi, app: dict[str, Any], tmp_path: Path, protocol: str) -> None:
    body = web(app, tmp_path / "code", protocol=protocol)
    if protocol == "COMMAND":
        body["healthChecks"][0] = {**body["healthChecks"][0], "command": {"value": "test -n $PORT0"}}
        del body["healthChecks"][0]["path"]
    api.run(body)
    assert counts(api, app["id"]) == (1, 1, 0)
    (task,) = api.tasks(app["id"])
    (result,) = task["healthCheckResults"]
    assert (result["alive"], result["consecutiveFailures"]) == (True, 0)
    assert result["instanceId"] == task["id"].split("._app")[0]
    assert result["firstSuccess"] <= result["lastSuccess"]
    assert "lastFailure" not in result or result["lastFailure"] < result["lastSuccess"]


@pytest.mark.parametrize(
    ("code", "healthy"), [(200, True), (204, True), (302, True), (399, True), (400, False), (500, False)]
)
def test_http_codes(api: MarathonApi, app: dict[str, Any], tmp_path: Path, code: int, healthy: bool) -> None:
    """HTTP 200-399 is success; no redirect is followed."""
    (tmp_path / "code").write_text(str(code))
    # Without grace a failure is recorded at once; nothing is killed for it.
    api.post("/v2/apps", web(app, tmp_path / "code", gracePeriodSeconds=0, maxConsecutiveFailures=0))
    if healthy:
        api.until(lambda: counts(api, app["id"]) == (1, 1, 0))
    else:

        def failed() -> str:
            (result,) = next(iter(api.tasks(app["id"])), {}).get("healthCheckResults") or ({},)
            return str(result.get("lastFailureCause", ""))

        api.until(lambda: str(code) in failed())
        assert counts(api, app["id"]) == (1, 0, 1)


def test_absolute_port(api: MarathonApi, app: dict[str, Any], tmp_path: Path) -> None:
    """`port` beats `portIndex`; the old task's answer on its own port does not do for another."""
    body = web(app, tmp_path / "code", port=1, gracePeriodSeconds=600)
    api.post("/v2/apps", body)
    api.until(lambda: counts(api, app["id"]) == (1, 0, 1))
    assert len(api.deployments(app["id"])) == 1


def test_no_checks_is_neither(api: MarathonApi, app: dict[str, Any]) -> None:
    """No checks: neither healthy nor unhealthy."""
    api.run(app)
    assert counts(api, app["id"]) == (1, 0, 0)


def test_grace_period(api: MarathonApi, app: dict[str, Any], tmp_path: Path) -> None:
    """Until the first success, failures are not counted; but the task counts as unhealthy."""
    (tmp_path / "code").write_text("500")
    api.post("/v2/apps", web(app, tmp_path / "code", gracePeriodSeconds=600, maxConsecutiveFailures=1))
    api.until(lambda: counts(api, app["id"]) == (1, 0, 1))
    (task,) = api.tasks(app["id"])
    # Two more looks, neither of which kills.
    api.until(lambda: api.app(app["id"])["tasksUnhealthy"] == 1)
    import time

    time.sleep(2.2)
    (after,) = api.tasks(app["id"])
    assert after["id"] == task["id"]
    assert all(result["consecutiveFailures"] == 0 for result in after["healthCheckResults"])
    (tmp_path / "code").write_text("200")
    api.until(lambda: counts(api, app["id"]) == (1, 1, 0))


def test_kill_after_too_many_failures(api: MarathonApi, app: dict[str, Any], tmp_path: Path) -> None:
    """Reaching the maximum kills the task; it is replaced, and an event is sent."""
    events = api.events("unhealthy_instance_kill_event", "failed_health_check_event", "health_status_changed_event")
    api.run(web(app, tmp_path / "code", maxConsecutiveFailures=2))
    (task,) = api.tasks(app["id"])
    instance = task["id"].split("._app")[0]
    (tmp_path / "code").write_text("503")

    def mine(event: dict[str, Any]) -> bool:
        return bool(event["appId"] == app["id"])

    killed = events.next("unhealthy_instance_kill_event", mine)
    (tmp_path / "code").write_text("200")
    assert set(killed) >= {"taskId", "instanceId", "version", "reason", "host", "slaveId", "timestamp", "eventType"}
    assert (killed["taskId"], killed["instanceId"], killed["host"]) == (task["id"], instance, task["host"])
    assert "503" in killed["reason"]
    failed = events.next("failed_health_check_event", mine)
    assert failed["healthCheck"]["maxConsecutiveFailures"] == 2
    assert failed["taskId"] == instance
    changed = events.next("health_status_changed_event", lambda event: mine(event) and event["alive"])
    assert (changed["instanceId"], changed["version"]) == (instance, task["version"])
    assert events.next("health_status_changed_event", lambda event: mine(event) and not event["alive"])
    events.close()
    (new,) = api.until(lambda: [each for each in api.tasks(app["id"]) if each["id"] != task["id"]])
    assert new["id"].split("._app")[0] == instance
    failure = api.app(app["id"])["lastTaskFailure"]
    assert (failure["state"], failure["taskId"]) == ("TASK_KILLED", task["id"])


def test_zero_failures_never_kill(api: MarathonApi, app: dict[str, Any], tmp_path: Path) -> None:
    """0 = never."""
    api.run(web(app, tmp_path / "code", maxConsecutiveFailures=0))
    (task,) = api.tasks(app["id"])
    (tmp_path / "code").write_text("500")

    def failures() -> int:
        return int(api.tasks(app["id"])[0]["healthCheckResults"][0]["consecutiveFailures"])

    api.until(lambda: failures() >= 3)
    assert [each["id"] for each in api.tasks(app["id"])] == [task["id"]]
    assert counts(api, app["id"]) == (1, 0, 1)


def test_several_checks_all_count(api: MarathonApi, app: dict[str, Any], tmp_path: Path) -> None:
    body = web(app, tmp_path / "code", gracePeriodSeconds=600)
    dead = {**body["healthChecks"][0], "protocol": "COMMAND", "command": {"value": "false"}}
    del dead["path"]
    api.post("/v2/apps", {**body, "healthChecks": [body["healthChecks"][0], dead]})
    api.until(lambda: api.tasks(app["id"]) and api.tasks(app["id"])[0]["healthCheckResults"])
    api.until(lambda: any(each["alive"] for each in api.tasks(app["id"])[0]["healthCheckResults"]))
    assert counts(api, app["id"]) == (1, 0, 1)
    assert len(api.tasks(app["id"])[0]["healthCheckResults"]) == 2


def test_scaling_an_unhealthy_app_down(api: MarathonApi, app: dict[str, Any], tmp_path: Path) -> None:
    """Scaling does not wait for the health of what ran before."""
    (tmp_path / "code").write_text("500")
    api.post("/v2/apps", web({**app, "instances": 2}, tmp_path / "code", gracePeriodSeconds=600))
    api.until(lambda: len(api.tasks(app["id"])) == 2)
    api.done(api.put(f"/v2/apps{app['id']}", {"instances": 1}, force="true"))
    assert len(api.tasks(app["id"])) == 1


def test_a_check_is_shown_and_judged_by_nobody(api: MarathonApi, app: dict[str, Any], tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.write_text("503")
    quick = {"intervalSeconds": 1, "timeoutSeconds": 2, "delaySeconds": 0}
    shown = api.run({**web(app, code), "healthChecks": [], "check": {"http": {"path": "/status"}, **quick}})
    assert shown["check"] == {"http": {"path": "/status"}, **quick}

    def result() -> Any:
        (task,) = api.tasks(app["id"])
        return task.get("checkResult")

    api.until(lambda: result() == {"http": {"statusCode": 503}})
    code.write_text("200")
    api.until(lambda: result() == {"http": {"statusCode": 200}})
    (task,) = api.tasks(app["id"])
    assert (task["state"], task["healthCheckResults"]) == ("TASK_RUNNING", [])
    command = {"argv": ["sh", "-c", "exit 7"]}
    api.done(api.put(f"/v2/apps{app['id']}", {"check": {"exec": {"command": command}, **quick}}))
    api.until(lambda: result() == {"exec": {"exitCode": 7}})
