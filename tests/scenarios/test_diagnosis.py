"""What is said when an environment does not come up: told within ten seconds, in the end, and by the status later.

What rests on a real Mesos and Marathon alone is in `tests/cases/diagnosis/`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker_image import busybox_image
from marathon_http import MarathonApi, sleeper
from refusing_servers import refusing
from scenario_cli import Cli, Outcome, eventually

TOLD_WITHIN = 10.0
"""Seconds."""

SICK = """
blueprint: sick
timeout: 9s
group:
  apps:
    - &plain {id: crash, cmd: "echo the database is missing >&2; exit 3", cpus: 0.1, mem: 16, portDefinitions: []}
    - {<<: *plain, id: ended, cmd: "true"}
    - {<<: *plain, id: held-back, cmd: exit 4, backoffSeconds: 60}
    - {<<: *plain, id: rack, cmd: sleep 1000, constraints: [[rack, IS, r9]]}
    - {<<: *plain, id: spread, cmd: sleep 1000, instances: 3, constraints: [[hostname, UNIQUE]]}
    - {<<: *plain, id: cpus, cmd: sleep 1000, cpus: 64}
    - {<<: *plain, id: mem, cmd: sleep 1000, mem: 999999}
    - {<<: *plain, id: disk, cmd: sleep 1000, disk: 99999999}
    - {<<: *plain, id: waits, cmd: sleep 1000, dependencies: [cpus]}
    - id: path
      cmd: "exec python3 -m http.server --bind $HOST $PORT0"
      cpus: 0.1
      mem: 32
      healthChecks: [{path: /helth, intervalSeconds: 1, gracePeriodSeconds: 1, maxConsecutiveFailures: 0}]
    - id: closed
      cmd: sleep 1000
      cpus: 0.1
      mem: 16
      healthChecks: [{protocol: TCP, intervalSeconds: 1, gracePeriodSeconds: 1, maxConsecutiveFailures: 0}]
    - id: slow
      cmd: sleep 1000
      cpus: 0.1
      mem: 16
      healthChecks: [{protocol: TCP, intervalSeconds: 1, gracePeriodSeconds: 300}]
"""
SICK_KINDS = {
    "crash": "crash-loop",
    "ended": "command-ended",
    "held-back": "queue-back-off",
    "rack": "no-agent-with-attribute",
    "spread": "constraint-exhausted",
    "cpus": "cpus-short",
    "mem": "mem-short",
    "disk": "disk-short",
    "waits": "dependency-sick",
    "path": "health-path-wrong",
    "closed": "health-port-closed",
}

WELL = """
blueprint: well
parameters:
  port: {{type: integer, default: {port}, minimum: 1, maximum: 65535}}
  cmd: {{type: string, default: exec sleep 1000}}
  image: {{type: string, default: none}}
  instances: {{type: integer, default: 1}}
timeout: {timeout}
group:
  apps:
    - id: app
      cmd: "${{cmd}}"
      instances: "${{instances}}"
      cpus: 0.1
      mem: 32
      {container}
      portDefinitions: [{{port: "${{port}}"}}]
      requirePorts: true
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """One embedded cluster of two agents for all the tests here."""
    cli = Cli(tmp_path_factory.mktemp("diagnosis"))
    cli.ok("local", "start", "--agents", "2", "--cpus", "4", "--attribute", "agent-1:rack:r1")
    yield cli
    cli.run("local", "stop", "--purge")


@pytest.fixture
def marathon(shared: Cli) -> MarathonApi:
    credential = Path(shared.cluster["credential_file"]).read_text().strip()
    return MarathonApi(shared.cluster["marathon"], shared.cluster["user"], credential)


def blueprint(cli: Cli, name: str, text: str) -> str:
    file = cli.directory / f"{name}.yaml"
    file.write_text(text)
    return str(file)


def well(cli: Cli, timeout: str = "20s", container: str = "", port: int = 31610) -> str:
    return blueprint(cli, "well", WELL.format(timeout=timeout, container=container, port=port))


def kinds(document: dict[str, Any]) -> dict[str, str]:
    return {one["app"].rpartition("/")[2]: one["kind"] for one in document["diagnoses"]}


def later(cli: Cli, name: str, of: str = "last operation") -> dict[str, str]:
    """What the status tells."""
    document = cli.ok("env", "status", name, "-o", "json").json
    return kinds({"diagnoses": [one for one in document["diagnoses"] if one["of"] == of]})


def refused(cli: Cli, name: str, kind: str, *arguments: str) -> str:
    """An `up` that is refused at once, for one reason; its text."""
    began = time.monotonic()
    outcome = cli.run("env", "up", name, *arguments, "-o", "json")
    assert time.monotonic() - began < TOLD_WITHIN
    assert outcome.code in (1, 64)
    assert [one["kind"] for one in outcome.json["diagnoses"]] == [kind]
    return outcome.err


def test_a_dozen_causes_at_once_are_told_within_ten_seconds_and_later(shared: Cli) -> None:
    up = shared.start(
        *("env", "up", "sick", "-b", blueprint(shared, "sick", SICK), "--on-failure", "keep", "-o", "json")
    )
    assert up.stdout is not None
    told: dict[str, dict[str, float]] = {}
    lines, written = [], None
    for line in up.stdout:
        lines.append(line)
        if written is None and re.match(r"\w[\w-]*: (starting|waiting|blocked)", line):
            written = time.monotonic()
            late = shared.run("env", "up", "sick", "--lock-wait", "0", "-o", "json")
            assert [one["kind"] for one in late.json["diagnoses"]] == ["locked"]
            assert f"pid {up.pid}" in late.err
        progress = re.match(r"([\w-]+): (?:starting|waiting|blocked).*\[([\w-]+)\]", line)
        if progress and written is not None:
            told.setdefault(progress[1], {}).setdefault(progress[2], time.monotonic() - written)
    assert up.wait() == 1
    text = "".join(lines)
    document = json.loads(text[text.index("\n{\n") :].partition("\nerror:")[0])
    ended = kinds(document)
    assert ended.pop("slow") == "timed-out"
    assert ended == SICK_KINDS
    for app, kind in SICK_KINDS.items():
        if app != "waits":  # what it waits for is told
            assert told[app][kind] < TOLD_WITHIN, told
    assert "waits: blocked 0/1 (waits for cpus)" in text
    assert "| the database is missing" in text

    # Between two tries of a command that ends there is nothing to see, and of a loop a single look sees one failure.
    expected = SICK_KINDS | {"slow": "health-silent"}
    eventually(lambda: later(shared, "sick", "now") in (expected, expected | {"crash": "task-failed"}))
    recorded = later(shared, "sick")
    assert recorded.pop("slow") == "timed-out"
    assert recorded == SICK_KINDS
    shown = shared.ok("env", "status", "sick").out
    assert "no agent satisfies the constraint rack IS r9: there are rack r1 [no-agent-with-attribute]" in shown
    assert "it asks for 64 cpus, which no agent has" in shown
    assert "way out: correct the `path` of the health check" in shown


def test_what_cannot_work_is_refused_before_anything_is_written(shared: Cli, marathon: MarathonApi) -> None:
    shared.ok("env", "up", "other", "-b", well(shared), "--param", "instances=2")  # one on each agent
    assert "31000-32000" in refused(shared, "x", "port-not-offered", "-b", well(shared), "--param", "port=80")
    assert "/ciprov/other/app (environment other)" in refused(shared, "x", "port-held", "-b", well(shared))
    missing = shared.run("env", "status", "x")
    assert missing.code == 1
    assert "[port-held]" in missing.err

    shared.ok("env", "up", "x", "-b", well(shared), "--param", "port=31611")
    assert later(shared, "x") == {}
    text = refused(shared, "x", "parameter-error", "-b", well(shared), "--param", "port=70000")
    assert "65535" in text
    assert later(shared, "x") == {"x": "parameter-error"}
    wrong = blueprint(shared, "wrong", "blueprint: wrong\ngroup:\n  apps:\n    - {id: a, cmd: x, cpu: 1}\n")
    assert "wrong.yaml:4:23" in refused(shared, "x", "blueprint-error", "-b", wrong)
    assert "[blueprint-error]" in shared.ok("env", "status", "x").out

    # It sleeps, and somebody else takes its port.
    marathon.done(marathon.put("/v2/apps/ciprov/x/app", {"instances": 0}))
    marathon.run(sleeper("/thief", instances=2, requirePorts=True, portDefinitions=[{"port": 31611}]))
    marathon.put("/v2/apps/ciprov/x/app", {"instances": 1})
    eventually(lambda: later(shared, "x", "now") == {"app": "port-held"})
    assert "host port 31611 is held by /thief [port-held]" in shared.ok("env", "status", "x").out


def test_a_foreign_deployment_that_locks_is_named(shared: Cli, marathon: MarathonApi) -> None:
    file = well(shared, "3s", port=31620)
    shared.ok("env", "up", "locked", "-b", file)
    both = [{"id": "/ciprov/locked/app", "labels": {"by": "hand"}, "cpus": 64}, sleeper("/their/app", cpus=64)]
    marathon.put("/v2/apps", both)
    (foreign,) = [one for one in marathon.get("/v2/deployments").json() if "/their/app" in one["affectedApps"]]
    began = time.monotonic()
    failed = shared.run("env", "up", "locked", "-b", file, "--on-failure", "keep", "-o", "json")
    assert time.monotonic() - began < TOLD_WITHIN
    assert [one["kind"] for one in failed.json["diagnoses"]] == ["locked"]
    assert foreign["id"] in failed.err
    assert "/their/app" in failed.err
    assert later(shared, "locked") == {"locked": "locked"}
    marathon.delete(f"/v2/deployments/{foreign['id']}", force="true")


def test_an_agent_that_cannot_be_reached(shared: Cli) -> None:
    file = blueprint(
        shared,
        "lost",
        "blueprint: lost\ngroup:\n  apps:\n"
        "    - {id: app, cmd: sleep 1000, cpus: 0.1, mem: 16, constraints: [[rack, UNLIKE, r1]], "
        "unreachableStrategy: {inactiveAfterSeconds: 500, expungeAfterSeconds: 600}}\n",
    )
    shared.ok("env", "up", "lost", "-b", file)
    shared.ok("local", "agent", "lose", "agent-2")
    try:
        assert later(shared, "lost", "now") == {"app": "unreachable-agent"}
        again = shared.run("env", "up", "lost", "-b", file, "--timeout", "2s", "-o", "json")
        assert [one["kind"] for one in again.json["diagnoses"]] == ["unreachable-agent"]
        assert "[unreachable-agent]" in again.err
    finally:
        shared.ok("local", "agent", "return", "agent-2")


def test_a_program_that_is_not_there_ends_it_early(shared: Cli) -> None:
    began = time.monotonic()
    failed = shared.run(
        *(
            "env",
            "up",
            "absent",
            "-b",
            well(shared, "5m", port=31621),
            "--param",
            "cmd=exec no-such-program",
            "-o",
            "json",
        )
    )
    assert time.monotonic() - began < TOLD_WITHIN
    assert kinds(failed.json) == {"app": "command-not-found"}
    assert "no-such-program" in failed.err
    assert later(shared, "absent") == {"app": "command-not-found"}


def test_a_hook_that_fails_is_named_with_its_output(shared: Cli) -> None:
    text = WELL.format(timeout="20s", container="", port=31623)
    hooks = 'hooks: {after_up: [{name: seed, local: "echo no such table; exit 3"}]}\ngroup:'
    failed = shared.run(
        *("env", "up", "hooked", "-b", blueprint(shared, "hooked", text.replace("group:", hooks)), "-o", "json"),
        *("--on-failure", "keep"),
    )
    (diagnosis,) = failed.json["diagnoses"]
    assert diagnosis["kind"] == "hook-failed"
    assert "seed" in diagnosis["cause"]
    assert any("no such table" in line for line in diagnosis["evidence"])
    assert later(shared, "hooked") == {"hooked": "hook-failed"}


def test_images_and_memory_of_containers(shared: Cli) -> None:
    image = busybox_image()
    docker = "container: {type: DOCKER, docker: {image: '${image}'}}\n      networks: [{mode: host}]"
    file = well(shared, "5m", docker, port=31622)
    with refusing(404, {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}) as registry:
        began = time.monotonic()
        failed = shared.run("env", "up", "boxed", "-b", file, "--param", f"image={registry}/no/such:1", "-o", "json")
        assert time.monotonic() - began < TOLD_WITHIN
    assert kinds(failed.json) == {"app": "image-missing"}
    assert f"image {registry}/no/such:1 cannot be pulled" in failed.err
    assert later(shared, "boxed") == {"app": "image-missing"}

    greedy = "cmd=tail /dev/zero"
    failed = shared.run("env", "up", "boxed", "-b", file, "--param", f"image={image}", "--param", greedy, "-o", "json")
    assert kinds(failed.json) == {"app": "out-of-memory"}
    assert "limit of 32 MiB [out-of-memory]" in failed.err
    assert later(shared, "boxed") == {"app": "out-of-memory"}


class Remote(Cli):
    """Asks the clusters of a configuration file instead of the embedded one."""

    @property
    def command(self) -> list[str]:
        return [part for part in super().command if part != "--local"]

    def on(self, cluster: str, *arguments: str) -> Outcome:
        return self.run("--cluster", cluster, "--store-local", *arguments)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("wrong-credentials", "401"),
        ("no-leader", "Could not determine the current leader"),
        ("tls-error", "certificate"),
    ],
)
def test_a_marathon_that_cannot_be_asked(shared: Cli, tmp_path: Path, kind: str, words: str) -> None:
    remote = Remote(tmp_path)
    (tmp_path / "password").write_text("wrong")
    (tmp_path / "config" / "ciprov").mkdir(parents=True)
    # As Marathon's LeaderProxyFilter answers while there is no leader.
    leaderless = {"message": "Could not determine the current leader"}
    with refusing(503, leaderless) as electing, refusing(200, {}, tmp_path) as unsigned:
        clusters = {
            "wrong-credentials": {
                "marathon": [shared.cluster["marathon"]],
                "auth": {"user": "ciprov", "password_file": str(tmp_path / "password")},
            },
            "no-leader": {"marathon": [f"http://{electing}"]},
            "tls-error": {"marathon": [f"https://{unsigned}"]},
        }
        (tmp_path / "config" / "ciprov" / "config.yaml").write_text(json.dumps({"clusters": clusters}))
        began = time.monotonic()
        failed = remote.on(kind, "env", "up", "x", "-b", well(remote), "-o", "json")
        assert time.monotonic() - began < TOLD_WITHIN
        assert [one["kind"] for one in failed.json["diagnoses"]] == [kind]
        assert words in failed.err
        status = remote.on(kind, "env", "status", "x")
        assert status.code == 1
        assert words in status.err
