"""What the command line shows and takes beside the main job: secrets, logs, commands beside tasks, forms of output."""

from __future__ import annotations

import re
import subprocess

from scenario_cli import Cli

BLUEPRINT = """
blueprint: talker
parameters:
  password: {type: secret}
routes: [{name: front, app: web, port: http}]
group:
  apps:
    - id: web
      cmd: "echo one; echo two; echo ready >&2; exec python3 -m http.server --bind $HOST $PORT0"
      cpus: 0.1
      mem: 32
      env: {PASSWORD: "${password}"}
      portDefinitions: [{port: 0, name: http}]
      healthChecks: [{protocol: HTTP, path: /, intervalSeconds: 1, gracePeriodSeconds: 20}]
"""
SECRET = "correct-horse-battery"


def test_a_secret_reaches_the_task_and_nothing_else(cli: Cli) -> None:
    (cli.directory / "b.yaml").write_text(BLUEPRINT)
    (cli.directory / "secret").write_text(f"{SECRET}\n")
    cli.environment["CIPROV_DEBUG"] = ""
    refused = cli.run("env", "up", "x", "-b", "b.yaml", "--param", f"password={SECRET}")
    assert refused.code == 64
    assert "password=@FILE" in refused.err

    up = cli.ok("env", "up", "x", "-b", "b.yaml", "--param", "password=@secret", "-o", "json")
    cli.environment["CIPROV_PARAM_PASSWORD"] = f"{SECRET}-2"
    plan = cli.run("env", "plan", "x")
    assert plan.code == 2
    shown = [refused, up, plan, cli.ok("env", "show", "x", "-o", "yaml"), cli.ok("env", "status", "x", "-o", "json")]
    assert all(SECRET not in outcome.out + outcome.err for outcome in shown)
    for file in cli.state.glob("state.db*"):
        assert SECRET.encode() not in file.read_bytes()
    assert SECRET in cli.ok("env", "exec", "x", "web", "--", "env").out


def test_logs_commands_and_forms_of_output(cli: Cli) -> None:
    (cli.directory / "b.yaml").write_text(BLUEPRINT)
    cli.environment["CIPROV_PARAM_PASSWORD"] = "p"
    up = cli.ok("env", "up", "feature/X_1", "-b", "b.yaml", "-o", "dotenv")
    assert "cluster: local (http://127." in up.err
    variables = dict(line.split("=", 1) for line in up.out.splitlines())
    assert variables["CIPROV_ENV_NAME"] == "feature-x-1"
    assert variables["CIPROV_URL"] == variables["WEB_HTTP_URL"]
    assert re.fullmatch(r"http://127\.\d+\.\d+\.1:20001/", variables["WEB_HTTP_URL"])
    script = f'{up.out}\ntest "$WEB_HTTP_PORT" = 20001'
    subprocess.run(["sh", "-eu", "-c", script], check=True)

    assert cli.ok("env", "logs", "feature/X_1", "web").out.startswith("one\ntwo\n")
    assert "ready\n" in cli.ok("env", "logs", "feature/X_1", "--stderr").out
    assert cli.run("env", "logs", "feature/X_1", "wbe").code == 64
    done = cli.run("env", "exec", "feature/X_1", "web", "--", "sh", "-c", "echo $MARATHON_APP_ID; echo no >&2; exit 9")
    assert done.code == 9
    assert done.out == "/ciprov/feature-x-1/web\n"
    assert done.err.endswith("no\n")

    shown = cli.ok("env", "show", "feature/X_1", "-o", "json").json
    assert (shown["schema"], shown["given_name"], shown["history"][0]["outcome"]) == (1, "feature/X_1", "ready")
    status = cli.ok("env", "status", "feature/X_1", "--exit-code", "-o", "json").json
    assert status["healthy"] is True
    assert cli.run("env", "show", "Feature-X 1").code == 1, "another name with the same slug is refused"
    dry = cli.run("env", "down", "feature/X_1", "--dry-run")
    assert dry.code == 2
    assert "web" in dry.out
    assert cli.ok("env", "list", "-o", "json").json["environments"][0]["ready_apps"] == 1
    cli.ok("env", "down", "feature/X_1", "other")
    assert cli.run("env", "down", "feature/X_1", "--dry-run").code == 0


def test_the_recorded_blueprint_kind_and_parameters_are_used_where_none_are_given(cli: Cli) -> None:
    blueprint = cli.directory / "b.yaml"
    blueprint.write_text(
        "blueprint: b\nparameters: {n: {type: integer, default: 1}, on: {type: boolean, default: false}}\n"
        "kinds: {small: {}, big: {a: {mem: 48}}}\ndefault_kind: small\n"
        "group: {apps: [{id: a, cmd: exec sleep 1000, cpus: 0.01, mem: 16, portDefinitions: [],"
        " env: {N: '${n}', ON: '${on}'}}]}\n"
    )
    cli.ok("env", "up", "x", "-b", "b.yaml", "--kind", "big", "--param", "n=2", "--param", "on=true")
    blueprint.unlink()
    assert cli.ok("env", "up", "x", "-o", "json").json["outcome"] == "unchanged"
    changed = cli.ok("env", "up", "x", "--param", "n=3", "-o", "json").json
    assert changed["kind"] == "big"
    app = cli.marathon("/v2/apps/ciprov/x/a")["app"]
    assert (app["env"], app["mem"]) == ({"N": "3", "ON": "true"}, 48)
    cli.ok("env", "down", "x")
