"""How long environments live, through the command line, on a real embedded cluster with real processes."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Any

from scenario_cli import Cli, eventually
from stopped_process import freeze, thaw

SMALL = """
blueprint: small
ttl: {default: 8h, staging: never}
kinds: {staging: {}, demo: {}}
timeout: 40s
group:
  apps:
    - id: plain
      cmd: "exec sleep 1000"
      cpus: 0.1
      mem: 32
      instances: 2
      portDefinitions: [{port: 0, name: http}]
"""

KEEPER = """
    - id: keeper
      cmd: "date +%N >> data/starts; exec sleep 1000"
      cpus: 0.1
      mem: 32
      dependencies: [plain]
      portDefinitions: []
      residency: {taskLostBehavior: WAIT_FOREVER}
      upgradeStrategy: {minimumHealthCapacity: 0, maximumOverCapacity: 0}
      container:
        type: MESOS
        volumes: [{containerPath: data, mode: RW, persistent: {size: 10}}]
"""


def small(cli: Cli, more: str = "") -> str:
    file = cli.directory / "small.yaml"
    file.write_text(SMALL + more)
    return str(file)


def record(cli: Cli, name: str) -> dict[str, Any]:
    found = cli.ok("env", "list", "-o", "json").json["environments"]
    return next(one for one in found if one["name"] == name)


def test_extending_pinning_and_touching_restarts_nothing(cli):
    blueprint = small(cli)
    cli.ok("env", "up", "feature/X", "-b", blueprint)
    tasks, version = cli.task_ids("/ciprov/feature-x"), cli.marathon("/v2/groups")["version"]
    first = record(cli, "feature-x")
    assert (first["ttl_seconds"], first["pinned"], first["last_used_at"]) == (8 * 3600, "", None)
    extended = cli.ok("env", "extend", "feature/X", "3d", "-o", "json").json
    assert extended["expires_at"] > first["expires_at"]
    pinned = cli.ok("env", "pin", "feature-x", "--reason", "demo on Friday", "-o", "json").json
    assert (pinned["pinned"], pinned["updated_at"]) == ("demo on Friday", first["updated_at"])
    cli.ok("env", "touch", "feature-x")
    assert "demo on Friday" in cli.ok("env", "status", "feature-x").out
    assert cli.task_ids("/ciprov/feature-x") == tasks
    assert cli.marathon("/v2/groups")["version"] == version

    cli.ok("env", "up", "feature-x", "-b", blueprint)
    after = cli.ok("env", "unpin", "feature-x", "-o", "json").json
    assert (after["pinned"], after["expires_at"]) == ("", extended["expires_at"])
    assert cli.task_ids("/ciprov/feature-x") == tasks
    history = cli.ok("env", "show", "feature-x", "-o", "json").json["history"]
    assert [entry["operation"] for entry in history] == ["unpin", "up", "touch", "pin", "extend", "up"]


def held_back(cli: Cli) -> tuple[str, Path]:
    """A blueprint whose app turns healthy once the file is there."""
    file, gate = cli.directory / "held.yaml", cli.directory / "gate"
    check = f"healthChecks: [{{protocol: COMMAND, command: {{value: test -e {gate}}}, intervalSeconds: 1}}]"
    file.write_text(SMALL.replace("instances: 2", check))
    return str(file), gate


def test_an_environment_is_pinned_while_a_long_up_of_it_runs(cli):
    blueprint, gate = held_back(cli)
    cli.ok("local", "start")
    up = cli.start("env", "up", "x", "-b", blueprint)
    eventually(lambda: cli.marathon("/v2/apps")["apps"])
    cli.ok("env", "pin", "x", "--reason", "mine")
    extended = cli.ok("env", "extend", "x", "30d", "-o", "json").json["expires_at"]
    assert up.poll() is None, "the up was over before it could be pinned"
    gate.touch()
    output, _ = up.communicate(timeout=60)
    assert up.returncode == 0, output
    after = record(cli, "x")
    assert (after["pinned"], after["phase"], after["expires_at"]) == ("mine", "ready", extended)
    assert after["last_used_at"]


def test_sleep_keeps_counts_ports_and_volumes(cli):
    blueprint = small(cli, KEEPER)
    endpoints = cli.ok("env", "up", "x", "-b", blueprint, "-o", "json").json["endpoints"]
    slept = cli.ok("env", "sleep", "x", "-o", "json").json
    assert (slept["counts"], slept["asleep"], slept["changed"]) == ({"plain": 2, "keeper": 1}, True, True)
    assert not any(cli.task_ids("/ciprov/x").values())
    assert cli.ok("env", "status", "x", "--exit-code", "-o", "json").json["phase"] == "asleep"

    assert cli.ok("env", "wake", "x", "-o", "json").json["phase"] == "ready"
    counts = {app: len(tasks) for app, tasks in cli.task_ids("/ciprov/x").items()}
    assert counts == {"/ciprov/x/plain": 2, "/ciprov/x/keeper": 1}
    assert len(cli.ok("env", "exec", "x", "keeper", "--", "cat", "data/starts").out.split()) == 2

    cli.ok("env", "sleep", "x")
    woken = cli.ok("env", "up", "x", "-o", "json").json
    assert woken["endpoints"] == endpoints
    assert len(cli.tasks("/ciprov/x/plain")) == 2
    cli.ok("env", "sleep", "x")
    cli.ok("env", "down", "x")
    assert cli.marathon("/v2/apps")["apps"] == []


def outcomes(cli: Cli, *arguments: str, code: int) -> dict[str, str]:
    done = cli.run("env", "reap", "-o", "json", *arguments)
    assert done.code == code, f"{done.code}\n{done.out}\n{done.err}"
    return {one["name"]: one["outcome"] for one in done.json["environments"]}


def test_the_reaper_removes_what_its_dry_run_says_and_nothing_else(cli):
    blueprint = small(cli)
    shop = cli.directory / "shop"
    shop.mkdir()
    who = ("-c", "user.name=me", "-c", "user.email=me@example.org")
    commit = ("commit", "-q", "--allow-empty", "-m", "first")
    for command in (("init", "-q", "-b", "main"), commit, ("branch", "topic")):
        subprocess.run(["git", *who, *command], cwd=shop, check=True)
    remote = f"file://{shop}"
    for name, options in {
        "old": ("--ttl", "1s"),
        "demo-1": ("--ttl", "1s"),
        "held": ("--ttl", "1s"),
        "topic": ("--git-remote", remote),
        "other": ("--branch", "merged", "--git-remote", f"{remote}/"),
    }.items():
        cli.ok("env", "up", name, "-b", blueprint, "--no-wait", *options)
    cli.ok("env", "pin", "held")
    before = cli.task_ids("/ciprov")
    policy = ("--grace", "0", "--protect", "demo-*", "--git-remote", remote)

    kept = dict.fromkeys(("demo-1", "held", "topic"), "kept")
    going = ("old", "other")
    assert outcomes(cli, *policy, "--max-share", "0", code=1) == kept | dict.fromkeys(going, "refused")
    assert outcomes(cli, *policy, "--dry-run", code=2) == kept | dict.fromkeys(going, "would be removed")
    assert cli.task_ids("/ciprov") == before
    doubted = (*policy, "--git-remote", str(cli.directory / "nowhere"))
    assert outcomes(cli, *doubted, code=1) == kept | dict.fromkeys(going, "removed")
    assert outcomes(cli, *policy, code=0) == kept
    after = cli.task_ids("/ciprov")
    assert after == {app_id: tasks for app_id, tasks in before.items() if app_id.split("/")[2] not in going}


def test_a_reaper_leaves_what_is_at_work_and_stops_where_marathon_is_away(cli):
    blueprint, _ = held_back(cli)
    cli.ok("local", "start")
    up = cli.start("env", "up", "old", "-b", blueprint, "--ttl", "1s")
    eventually(lambda: cli.marathon("/v2/apps")["apps"])
    eventually(lambda: outcomes(cli, "--grace", "0", code=0) == {"old": "skipped"})
    up.send_signal(signal.SIGINT)
    up.communicate(timeout=90)
    assert outcomes(cli, "--grace", "0", "--dry-run", code=2) == {"old": "would be removed"}
    freeze(cli.cluster["pid"])
    try:
        away = cli.environment | {"CIPROV_TIMEOUT": "1"}
        done = subprocess.run(
            [*cli.command, "env", "reap", "--grace", "0"],
            env=away,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        thaw(cli.cluster["pid"])
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert outcomes(cli, "--grace", "0", code=0) == {"old": "removed"}
    assert cli.marathon("/v2/apps")["apps"] == []
