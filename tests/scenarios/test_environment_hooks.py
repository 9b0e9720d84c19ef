"""Hooks through the command line, on a real embedded cluster with real processes."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import psutil
from docker_image import busybox_image
from scenario_cli import Cli, eventually

ENV = "/ciprov/x"
APP = """
blueprint: hooked
parameters:
  mark: {default: a}
  migrate: {default: "echo migrating $DB as $PW; test -e service.txt; echo late >&2"}
  pw: {type: secret}
timeout: 40s
hooks: HOOKS
group:
  apps:
    - id: web
      cmd: "exec python3 -m http.server --bind $HOST $PORT0"
      cpus: 0.1
      mem: 32
      env: {DB: "db-one", MARK: "${mark}", KEY: "${pw}"}
      fetch: [{uri: "${blueprint.url}/service.txt"}]
      portDefinitions: [{port: 0, name: http}]
      healthChecks: [{protocol: HTTP, path: /, intervalSeconds: 1, gracePeriodSeconds: 20}]
"""
MIGRATE = {"name": "migrate", "run": "${migrate}", "like": "web", "env": {"PW": "${pw}"}, "timeout": "30s"}
BUILD = {
    "name": "build",
    "local": "echo built in $PWD for $CIPROV_ENV_NAME; echo $PW > out",
    "env": {"PW": "${pw}"},
}
SECRET = "hunter2-and-more"


def blueprint(cli: Cli, **hooks: list[dict[str, object]]) -> str:
    cli.environment["CIPROV_PARAM_PW"] = SECRET
    (cli.directory / "service.txt").write_text("all is fine")
    file = cli.directory / "hooked.yaml"
    file.write_text(APP.replace("HOOKS", json.dumps(hooks)))
    return str(file)


def apps(cli: Cli) -> set[str]:
    return {one["id"] for one in cli.marathon("/v2/apps")["apps"]}


def processes_with(text: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and text in " ".join(process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_every_kind_of_hook_runs_where_it_should(cli):
    file = blueprint(
        cli,
        before_up=[BUILD],
        after_up=[MIGRATE],
        smoke=[
            {"name": "front", "http": "http://${service.web.http}/service.txt", "text": "fine", "timeout": "10s"},
            {"name": "cli", "local": 'echo at $WEB_HTTP_URL; test -n "$WEB_HTTP_PORT"'},
        ],
        before_down=[{"name": "dump", "run": "echo dumping $DB of ${mark} with $KEY", "like": "web"}],
    )
    plan = cli.run("env", "plan", "x", "-b", file)
    assert plan.code == 2
    for line in (
        "before_up build: here: echo built",
        "after_up migrate: on the cluster, like web: echo",
        "smoke front",
    ):
        assert f"  > {line}" in plan.out
    assert cli.marathon("/v2/apps")["apps"] == []

    up = cli.ok("env", "up", "x", "-b", file, "-o", "json")
    assert up.json["hooks"] == ["build", "migrate", "front", "cli"]
    assert f"build | built in {cli.directory} for x" in up.err
    assert (cli.directory / "out").read_text() == f"{SECRET}\n"
    assert "migrate | migrating db-one as (hidden)" in up.err
    assert "migrate | late" in up.err
    assert f"cli | at http://{cli.cluster['service_address']}" in up.err
    assert SECRET not in up.err + up.out
    assert apps(cli) == {f"{ENV}/web"}
    assert cli.marathon("/v2/deployments") == []
    assert "ready; hooks: build, migrate, front, cli" in cli.ok("env", "show", "x").out

    again = cli.ok("env", "up", "x", "-b", file, "-o", "json")
    assert (again.json["outcome"], again.json["hooks"]) == ("unchanged", [])
    assert cli.ok("env", "up", "x", "--smoke", "-o", "json").json["hooks"] == ["front", "cli"]

    would = cli.run("env", "down", "x", "--dry-run", "-o", "json")
    assert would.json["environments"][0]["hooks"] == ["dump"]
    del cli.environment["CIPROV_PARAM_PW"]
    Path(file).unlink()
    down = cli.ok("env", "down", "x")
    assert "dump | dumping db-one of a with (hidden)" in down.err
    assert apps(cli) == set()


def test_a_failing_migration_rolls_back_and_status_says_so(cli):
    file = blueprint(cli, after_up=[MIGRATE], before_up=[{"name": "build", "local": "true"}])
    cli.ok("env", "up", "x", "-b", file)
    wrong = "migrate=echo $PW is wrong >&2; exit 7"
    failed = cli.run("env", "up", "x", "-b", file, "--param", "mark=b", "--param", wrong)
    assert failed.code == 1
    assert "hook after_up migrate failed: Command exited with status 7" in failed.err
    assert "(hidden) is wrong" in failed.err
    assert "what its hooks did (build) is not undone" in failed.err
    assert SECRET not in failed.err
    assert cli.marathon(f"/v2/apps{ENV}/web")["app"]["env"]["MARK"] == "a"
    assert apps(cli) == {f"{ENV}/web"}
    status = cli.ok("env", "status", "x").out
    assert "migrate failed" in status
    assert "(hidden) is wrong" in status


def test_a_smoke_check_that_never_passes_and_a_command_that_never_ends(cli):
    slow = {"name": "slow", "local": "echo begins; sleep 987654", "timeout": "1s"}
    never = {"name": "front", "http": "http://${service.web.http}/service.txt", "text": "superb", "timeout": "2s"}
    for hooks, why in ({"smoke": [never]}, "its answer has no 'superb', for 2 s"), ({"after_up": [slow]}, "within 1 s"):
        failed = cli.run("env", "up", "x", "-b", blueprint(cli, **hooks))
        assert failed.code == 1
        assert why in failed.err
        assert apps(cli) == set()
    assert processes_with("987654") == []


def test_a_one_off_task_that_never_ends_or_never_starts(cli):
    late = MIGRATE | {"run": "sleep 876543", "timeout": "2s"}
    failed = cli.run("env", "up", "x", "-b", blueprint(cli, after_up=[late]), "--on-failure", "keep")
    assert "it did not end within 2 s" in failed.err
    assert apps(cli) == {f"{ENV}/web"}
    assert processes_with("876543") == []
    huge = MIGRATE | {"mem": 10_000_000, "timeout": "2s"}
    failed = cli.run("env", "up", "x", "-b", blueprint(cli, after_up=[huge]), "--on-failure", "keep")
    assert "it did not end within 2 s: " in failed.err
    assert "mem" in failed.err.partition("within 2 s: ")[2]
    cli.ok("env", "down", "x")


def test_killed_or_interrupted_during_a_hook_then_up_again(cli):
    slow = MIGRATE | {"run": "echo ran >> $COUNT; sleep ${mark}", "env": {"COUNT": str(cli.directory / "count")}}
    file = blueprint(cli, after_up=[slow])
    cli.ok("local", "start")
    runs = 0
    for sign in (signal.SIGKILL, signal.SIGINT):
        up = cli.start("env", "up", "x", "-b", file, "--param", "mark=765432")
        runs += 1
        eventually(lambda: (cli.directory / "count").exists() and len(ran(cli)) == runs)  # noqa: B023
        up.send_signal(sign)
        output, _ = up.communicate(timeout=90)
        if sign == signal.SIGKILL:
            assert f"{ENV}/ciprov-hook-migrate" in apps(cli)
            assert "ciprov-hook-migrate" in cli.ok("env", "status", "x").out
        else:
            assert up.returncode == 130, output
            assert "ended, as it was interrupted" in output
            eventually(lambda: not processes_with("765432"))
    done = cli.ok("env", "up", "x", "-b", file, "--param", "mark=0", "-o", "json")
    assert done.json["hooks"] == ["migrate"]
    assert len(ran(cli)) == runs + 1
    assert apps(cli) == {f"{ENV}/web"}
    assert processes_with("765432") == []
    assert cli.ok("env", "up", "x", "-b", file, "--param", "mark=0", "-o", "json").json["hooks"] == []


def ran(cli: Cli) -> list[str]:
    return (cli.directory / "count").read_text().splitlines()


def test_a_killed_up_leaves_no_local_command(cli):
    file = blueprint(cli, before_up=[{"name": "build", "local": "echo begins; sleep 654321 & sleep 654321"}])
    up = cli.start("env", "up", "x", "-b", file)
    eventually(lambda: len(processes_with("654321")) >= 2)
    up.send_signal(signal.SIGKILL)
    up.communicate(timeout=90)
    eventually(lambda: not processes_with("654321"))
    cli.ok("env", "up", "x", "-b", blueprint(cli, before_up=[{"name": "build", "local": "true"}]))


def test_a_failing_before_down_leaves_everything_and_can_be_skipped(cli):
    cli.ok("env", "up", "x", "-b", blueprint(cli, before_down=[{"name": "dump", "local": "echo no room; exit 5"}]))
    tasks = cli.task_ids(ENV)
    refused = cli.run("env", "down", "x")
    assert refused.code == 1
    assert "hook before_down dump failed: its command ended with status 5" in refused.err
    assert "no room" in refused.err
    assert "--skip-hooks" in refused.err
    assert cli.task_ids(ENV) == tasks
    assert "dump failed" in cli.ok("env", "status", "x").out
    cli.ok("env", "down", "x", "--skip-hooks")
    assert apps(cli) == set()


def test_a_one_off_task_in_the_image_of_its_app(cli):
    """Its user may not write to the sandbox, where the mark of success would be otherwise."""
    file = cli.directory / "docker.yaml"
    file.write_text(
        f"""
blueprint: hooked
parameters: {{mark: {{default: a}}, migrate: {{default: "id -u; echo $DB; test -x /bin/busybox"}}}}
timeout: 60s
hooks: {{after_up: [{{name: migrate, run: "${{migrate}}", like: web, timeout: 60s}}]}}
group:
  apps:
    - id: web
      cmd: sleep 1000
      cpus: 0.1
      mem: 32
      env: {{DB: db-one, MARK: "${{mark}}"}}
      container:
        type: DOCKER
        docker:
          image: "{busybox_image()}"
          parameters: [{{key: user, value: "1234"}}, {{key: tmpfs, value: /tmp}}]
        portMappings: [{{containerPort: 80, name: http}}]
      networks: [{{mode: container/bridge}}]
"""
    )
    up = cli.ok("env", "up", "x", "-b", str(file))
    assert "migrate | 1234" in up.err
    assert "migrate | db-one" in up.err
    failed = cli.run("env", "up", "x", "--param", "mark=b", "--param", "migrate=echo no >&2; exit 9")
    assert failed.code == 1
    assert "status 9" in failed.err
    assert apps(cli) == {f"{ENV}/web"}
    cli.ok("env", "down", "x")
