"""The embedded cluster's daemon through `ciprov local`: starting, dying, stopping."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest
from scenario_cli import Cli, eventually


def ask(cli: Cli, method: str, path: str, body: Any = None) -> Any:
    cluster = cli.cluster
    token = Path(cluster["credential_file"]).read_text().strip()
    basic = base64.b64encode(f"{cluster['user']}:{token}".encode()).decode()
    request = urllib.request.Request(
        cluster["marathon"] + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Basic {basic}", "Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def sleeper(cli: Cli, instances: int = 1) -> list[int]:
    """An app whose tasks write down their pids; gives the pids."""
    command = "echo $$ > pid; trap '' HUP; exec sleep 600"
    ask(cli, "POST", "/v2/apps", {"id": "/sleeper", "cmd": command, "cpus": 0.01, "mem": 8, "instances": instances})
    eventually(lambda: len(cli.tasks("/sleeper")) == instances)
    return eventually(lambda: found if len(found := task_pids(cli)) == instances else None)


def task_pids(cli: Cli) -> list[int]:
    files = (cli.state / "local" / "tasks").glob("*/pid")
    pids = [int(text) for file in files if (text := file.read_text().strip())]
    return sorted(pid for pid in pids if psutil.pid_exists(pid))


def test_starting_twice_at_once_gives_one_cluster(cli: Cli) -> None:
    starters = [cli.start("local", "start") for _ in range(4)]
    outputs = [process.communicate(timeout=60)[0] for process in starters]
    assert [process.returncode for process in starters] == [0] * 4, outputs
    assert len({output.splitlines()[-1] for output in outputs}) == 1, outputs
    assert [process.pid for process in cli.processes()] == [cli.cluster["pid"]]


def test_status_tells_other_clients_all_they_need(cli: Cli) -> None:
    missing = cli.run("local", "status", "-o", "json")
    assert (missing.code, missing.json["running"]) == (1, False)
    cli.ok("local", "start", "--agents", "3", "--cpus", "6", "--ports", "31000-31299")
    table = cli.ok("local", "status")
    told = cli.ok("local", "status", "-o", "json").json
    assert told["credential"] not in table.out
    assert [(agent["cpus"], agent["ports"]) for agent in told["agents"]] == 3 * [(2.0, "31000-31299")]
    basic = base64.b64encode(f"{told['user']}:{told['credential']}".encode()).decode()
    for headers, code in (({"Authorization": f"Basic {basic}"}, 200), ({}, 401)):
        request = urllib.request.Request(told["marathon"] + "/ping", headers=headers)
        with contextlib.suppress(urllib.error.HTTPError):
            assert urllib.request.urlopen(request, timeout=10).status == code
            continue
        assert code == 401
    assert Path(told["credential_file"]).stat().st_mode & 0o777 == 0o600
    again = cli.ok("local", "start", "--agents", "2")
    assert "agents 2 not applied" in again.err


def test_options_hold_for_later_starts(cli: Cli) -> None:
    cli.ok("local", "start", "--agents", "2")
    cli.ok("local", "stop")
    cli.ok("local", "start")
    assert len(cli.ok("local", "status", "-o", "json").json["agents"]) == 2
    refused = cli.run("local", "start", "--ports", "99-1")
    assert refused.code == 64
    assert "99-1" in refused.err


def test_several_may_stop_it_at_once(cli: Cli) -> None:
    cli.ok("local", "start")
    sleeper(cli, 2)
    stoppers = [cli.start("local", "stop", "--purge") for _ in range(4)]
    outputs = [process.communicate(timeout=60)[0] for process in stoppers]
    assert [process.returncode for process in stoppers] == [0] * 4, outputs
    assert not (cli.state / "local").exists()
    assert task_pids(cli) == []


def test_a_database_that_cannot_be_written_stops_the_daemon_but_no_task(cli: Cli) -> None:
    cli.ok("local", "start")
    pids = sleeper(cli, 2)
    daemon = cli.cluster["pid"]
    with contextlib.closing(sqlite3.connect(cli.state / "local" / "cluster.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(urllib.error.HTTPError) as refusal:
            ask(cli, "POST", "/v2/apps", {"id": "/late", "cmd": "sleep 600"})
        assert refusal.value.code == 503
        assert "cluster.db" in json.load(refusal.value)["message"]
        eventually(lambda: not psutil.pid_exists(daemon))
    assert "cannot go on" in cli.ok("local", "logs").out
    assert task_pids(cli) == pids
    cli.ok("local", "start")
    assert [app["id"] for app in ask(cli, "GET", "/v2/apps")["apps"]] == ["/sleeper"]
    eventually(lambda: len(cli.tasks("/sleeper")) == 2)
    assert task_pids(cli) == pids


def test_tasks_survive_a_killed_daemon_with_the_same_pids(cli: Cli) -> None:
    cli.ok("local", "start")
    pids = sleeper(cli, 2)
    tasks = sorted(task["id"] for task in cli.tasks("/sleeper"))
    daemon = cli.cluster["pid"]
    os.kill(daemon, signal.SIGKILL)
    eventually(lambda: not psutil.pid_exists(daemon) or psutil.Process(daemon).status() == psutil.STATUS_ZOMBIE)
    assert cli.run("local", "status").code == 1
    cli.ok("local", "start")
    assert cli.cluster["pid"] != daemon
    assert task_pids(cli) == pids
    assert sorted(task["id"] for task in cli.tasks("/sleeper")) == tasks

    ask(cli, "DELETE", "/v2/apps/sleeper")
    eventually(lambda: not task_pids(cli))
    eventually(lambda: [process.pid for process in cli.processes()] == [cli.cluster["pid"]])


def test_a_task_that_ended_while_no_daemon_ran_is_replaced(cli: Cli) -> None:
    cli.ok("local", "start")
    (pid,) = sleeper(cli)
    os.kill(cli.cluster["pid"], signal.SIGKILL)
    os.kill(pid, signal.SIGTERM)
    eventually(lambda: not psutil.pid_exists(pid))
    cli.ok("local", "start")
    eventually(lambda: cli.tasks("/sleeper"))
    failure = cli.marathon("/v2/apps/sleeper")["app"]["lastTaskFailure"]
    assert failure["message"] == "Command terminated with signal Terminated"


def test_stop_ends_everything_and_keeps_definitions(cli: Cli) -> None:
    cli.ok("local", "start")
    sleeper(cli, 2)
    port = cli.cluster["marathon"]
    assert "stopped" in cli.ok("local", "stop").err
    assert cli.processes() == []
    with pytest.raises(OSError):  # noqa: PT011 - refused
        urllib.request.urlopen(port, timeout=5)
    assert cli.ok("local", "stop").err == ""
    cli.ok("local", "start")
    eventually(lambda: len(cli.tasks("/sleeper")) == 2)


def test_stop_ends_what_a_killed_daemon_left_and_purges_its_files(cli: Cli) -> None:
    cli.ok("local", "start")
    sleeper(cli, 2)
    os.kill(cli.cluster["pid"], signal.SIGKILL)
    assert len(cli.processes()) >= 4
    cli.ok("local", "stop", "--purge")
    assert cli.processes() == []
    assert not (cli.state / "local").exists()
    assert cli.ok("local", "stop", "--purge").err == ""


@pytest.mark.parametrize("successor", [False, True])
def test_a_daemon_whose_files_were_removed_ends_with_its_tasks(cli: Cli, successor: bool) -> None:
    cli.ok("local", "start")
    sleeper(cli, 2)
    before = cli.processes()
    assert len(before) >= 5
    shutil.rmtree(cli.state)
    if successor:
        cli.ok("local", "start")
        sleeper(cli, 1)
    eventually(lambda: not any(process.is_running() for process in before))
    if successor:
        assert cli.run("local", "status").code == 0
        assert len(cli.tasks("/sleeper")) == len(task_pids(cli)) == 1
    else:
        assert cli.processes() == []


def test_a_descriptor_of_another_process_is_stale(cli: Cli) -> None:
    cli.ok("local", "start")
    path = cli.state / "local" / "cluster.json"
    content = cli.cluster
    cli.ok("local", "stop")
    path.write_text(json.dumps(content | {"pid": os.getpid()}))
    assert cli.run("local", "status").code == 1
    cli.ok("local", "start")
    assert cli.cluster["pid"] != os.getpid()
    cli.ok("local", "stop")


def test_a_daemon_that_cannot_start_gives_the_end_of_its_log(cli: Cli) -> None:
    (cli.state / "local").mkdir(parents=True)
    (cli.state / "local" / "cluster.db").write_text("this is no database" * 100)
    failed = cli.run("local", "start")
    assert failed.code == 1
    assert "cluster.db" in failed.err
    assert "file is not a database" in failed.err
    assert cli.processes() == []


def test_logs_are_shown(cli: Cli) -> None:
    cli.ok("local", "start")
    assert "serving on http://127." in cli.ok("local", "logs", "-n", "3").out
    following = cli.start("local", "logs", "-f", "-n", "1")
    try:
        cli.ok("local", "stop")
        assert following.stdout is not None
        said = iter(following.stdout.readline, "")
        assert any(line.endswith(": stopped\n") for line in said)
    finally:
        following.terminate()
        following.communicate(timeout=90)
