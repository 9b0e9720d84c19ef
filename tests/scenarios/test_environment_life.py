"""The main job through the command line, on a real embedded cluster with real processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from scenario_cli import COURSEWARE, Cli, eventually

ENV = "/ciprov/feature-x"
UP = ("env", "up", "feature-x", "--blueprint", str(COURSEWARE))

SMALL = """
blueprint: small
parameters:
  mark: {{type: string, default: a}}
  fixed_mark: {{type: string, default: a}}
  port: {{type: integer, default: 31710}}
timeout: {timeout}
group:
  apps:
    - id: fixed
      cmd: "exec python3 -m http.server --bind $HOST $PORT0"
      cpus: 0.1
      mem: 32
      env: {{MARK: "${{fixed_mark}}"}}
      portDefinitions: [{{port: "${{port}}", name: http}}]
      requirePorts: true
      healthChecks: [{{protocol: HTTP, path: /, intervalSeconds: 1, gracePeriodSeconds: 20}}]
    - id: plain
      cmd: {plain}
      cpus: 0.1
      mem: 32
      env: {{MARK: "${{mark}}"}}
      dependencies: [fixed]
      portDefinitions: []
"""


def small(cli: Cli, plain: str = "exec sleep 1000", timeout: str = "40s") -> str:
    file = cli.directory / "small.yaml"
    file.write_text(SMALL.format(plain=json.dumps(plain), timeout=timeout))
    return str(file)


def page(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        assert response.status == 200
        return response.read().decode()


def test_up_serves_the_whole_chain_and_down_leaves_nothing(cli):
    first = cli.ok(*UP, "-o", "json")
    for app in ("catalogue", "api", "media", "worker", "web"):
        assert app in first.err, f"no progress of {app}"
    front = first.json["url"]
    assert "8 of 8 lessons verified" in page(front)
    endpoints = {endpoint["app"]: endpoint for endpoint in first.json["endpoints"]}
    assert endpoints["catalogue"]["port"] == 31700

    tasks = cli.task_ids(ENV)
    versions = cli.marathon("/v2/groups")["version"]
    second = cli.ok(*UP, "-o", "json")
    assert second.json["url"] == front
    assert cli.task_ids(ENV) == tasks, "a second up restarted something"
    assert cli.marathon("/v2/groups")["version"] == versions, "a second up wrote to Marathon"

    cli.ok("env", "down", "feature-x")
    assert cli.marathon("/v2/apps")["apps"] == []
    assert cli.ok("env", "list", "-o", "json").json["environments"] == []
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        page(front)
    cli.ok("env", "down", "feature-x")

    cli.ok("local", "stop", "--purge")
    assert cli.processes() == []
    assert not (cli.state / "local").exists()


def test_changing_one_app_restarts_that_one_only(cli):
    blueprint = small(cli)
    cli.ok("env", "up", "feature-x", "-b", blueprint)
    before = cli.task_ids(ENV)
    plan = cli.run("env", "plan", "feature-x", "-b", blueprint, "--param", "mark=b", "-o", "json")
    assert plan.code == 2
    cli.ok("env", "up", "feature-x", "-b", blueprint, "--param", "mark=b")
    after = cli.task_ids(ENV)
    assert after[f"{ENV}/fixed"] == before[f"{ENV}/fixed"]
    assert after[f"{ENV}/plain"].isdisjoint(before[f"{ENV}/plain"])
    assert cli.run("env", "plan", "feature-x", "-b", blueprint, "--param", "mark=b").code == 0


def test_a_fixed_port_app_gives_up_its_port_before_it_is_wanted_again_twenty_times_in_a_row(cli):
    blueprint = small(cli)
    cli.ok("env", "up", "feature-x", "-b", blueprint)
    plain = cli.task_ids(ENV)[f"{ENV}/plain"]
    plan = cli.run("env", "plan", "feature-x", "-b", blueprint, "--param", "fixed_mark=b")
    assert plan.code == 2
    assert "update in place, old instances first" in plan.out
    assert "31710" in plan.out
    seen = set()
    for turn in range(20):
        cli.ok("env", "up", "feature-x", "-b", blueprint, "--param", f"fixed_mark=turn{turn}")
        (task,) = cli.tasks(f"{ENV}/fixed")
        assert task["ports"] == [31710]
        assert task["id"] not in seen
        seen.add(task["id"])
        socket.create_connection((cli.cluster["service_address"], 31710), timeout=5).close()
        assert cli.marathon("/v2/deployments") == []
    assert cli.task_ids(ENV)[f"{ENV}/plain"] == plain


def test_a_failing_app_is_diagnosed_and_what_was_there_before_comes_back(cli):
    blueprint = small(cli)
    cli.ok("env", "up", "feature-x", "-b", blueprint)
    before = cli.marathon(f"/v2/apps{ENV}/plain")["app"]["cmd"]
    broken = small(cli, plain="echo the database is missing >&2; exit 3")
    failed = cli.run("env", "up", "feature-x", "-b", broken)
    assert failed.code == 1
    assert f"{ENV}/plain" in failed.err
    assert "status 3" in failed.err
    assert "the database is missing" in failed.err
    app = eventually(lambda: cli.marathon(f"/v2/apps{ENV}/plain")["app"])
    assert app["cmd"] == before
    assert app["tasksRunning"] == 1
    assert cli.marathon("/v2/deployments") == []
    assert "status 3" in cli.run("env", "status", "feature-x").out


def test_a_first_up_that_fails_leaves_nothing_unless_asked_to_keep_it(cli):
    broken = small(cli, plain="echo no such luck >&2; exit 4")
    assert cli.run("env", "up", "feature-x", "-b", broken).code == 1
    assert cli.marathon("/v2/apps")["apps"] == []
    kept = cli.run("env", "up", "feature-x", "-b", broken, "--on-failure", "keep")
    assert kept.code == 1
    assert len(cli.marathon("/v2/apps")["apps"]) == 2
    cli.ok("env", "down", "feature-x")
    assert cli.marathon("/v2/apps")["apps"] == []


def test_a_fixed_port_taken_by_another_environment_is_refused_before_anything_is_written(cli):
    blueprint = small(cli)
    cli.ok("env", "up", "feature-x", "-b", blueprint)
    version = cli.marathon("/v2/groups")["version"]
    refused = cli.run("env", "up", "feature-y", "-b", blueprint)
    assert refused.code == 1
    assert "31710" in refused.err
    assert f"{ENV}/fixed" in refused.err
    assert cli.marathon("/v2/groups")["version"] == version
    cli.ok("env", "up", "feature-y", "-b", blueprint, "--param", "port=31711")


def test_a_fixed_port_outside_what_agents_offer_is_refused_before_anything_is_written(cli):
    blueprint = small(cli)
    refused = cli.run("env", "up", "feature-x", "-b", blueprint, "--param", "port=80")
    assert refused.code == 1
    assert "80" in refused.err
    assert "31000-32000" in refused.err
    assert cli.marathon("/v2/apps")["apps"] == []


def test_a_killed_up_is_taken_up_again_by_the_next(cli):
    blueprint = small(cli)
    cli.ok("local", "start")
    up = cli.start("env", "up", "feature-x", "-b", blueprint)
    eventually(lambda: cli.marathon("/v2/apps")["apps"])
    up.send_signal(signal.SIGKILL)
    up.communicate(timeout=90)
    cli.ok("env", "up", "feature-x", "-b", blueprint)
    assert len(cli.tasks(f"{ENV}/fixed")) == len(cli.tasks(f"{ENV}/plain")) == 1

    first = cli.task_ids(ENV)[f"{ENV}/fixed"]
    changing = cli.start("env", "up", "feature-x", "-b", blueprint, "--param", "fixed_mark=b")
    eventually(lambda: first.isdisjoint(cli.task_ids(ENV)[f"{ENV}/fixed"]))
    changing.send_signal(signal.SIGKILL)
    changing.communicate(timeout=90)
    cli.ok("env", "up", "feature-x", "-b", blueprint, "--param", "fixed_mark=b")
    app = cli.marathon(f"/v2/apps{ENV}/fixed")["app"]
    assert (app["instances"], app["env"]["MARK"], app["tasksHealthy"]) == (1, "b", 1)


def test_a_killed_daemon_loses_no_task(cli):
    blueprint = small(cli)
    cli.ok("env", "up", "feature-x", "-b", blueprint)
    tasks, pid = cli.task_ids(ENV), cli.cluster["pid"]
    os.kill(pid, signal.SIGKILL)
    cli.ok("local", "start")
    assert cli.cluster["pid"] != pid
    assert cli.task_ids(ENV) == tasks
    assert cli.run("env", "plan", "feature-x", "-b", blueprint).code == 0
    cli.ok("env", "down", "feature-x")
    cli.ok("local", "stop", "--purge")
    assert cli.processes() == []


def test_interrupting_the_wait_says_how_to_go_on(cli):
    blueprint = small(cli, plain="exec sleep 1000", timeout="60s")
    text = Path(blueprint).read_text().replace("path: /,", "path: /nowhere,")
    Path(blueprint).write_text(text)
    up = cli.start("env", "up", "feature-x", "-b", blueprint)
    eventually(lambda: cli.state.exists() and (cli.state / "local/cluster.json").exists())
    eventually(lambda: cli.marathon("/v2/apps")["apps"])
    up.send_signal(signal.SIGINT)
    output, _ = up.communicate(timeout=90)
    assert up.returncode == 130, output
    assert "ciprov env resume feature-x" in output
    assert "Traceback" not in output


def test_two_ups_of_one_environment_wait_for_each_other(cli):
    blueprint = small(cli)
    cli.ok("local", "start")
    both = [cli.start("env", "up", "feature-x", "-b", blueprint) for _ in range(2)]
    outputs = [process.communicate(timeout=90)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert any("locked by" in output for output in outputs)


def test_in_ci_the_embedded_cluster_must_be_asked_for(cli):
    done = subprocess.run(
        [part for part in cli.command if part != "--local"] + ["env", "list"],
        env=cli.environment | {"CI": "true"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode != 0
    assert "--local" in done.stderr
    assert not (cli.state / "local").exists()


@pytest.mark.parametrize("text", [None, "", "blueprint: x\ngroup: {apps: [{id: a, cmd: sleep 1, instnaces: 2}]}\n"])
def test_a_bad_blueprint_starts_nothing(cli, text):
    file = cli.directory / "bad.yaml"
    if text is not None:
        file.write_text(text)
    for command in (("env", "up", "x", "-b", str(file)), ("env", "plan", "x", "-b", str(file))):
        refused = cli.run(*command)
        assert refused.code == 1
        assert str(file) in refused.err
        assert not (cli.state / "local").exists()
