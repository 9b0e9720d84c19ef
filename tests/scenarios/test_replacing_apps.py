"""Changed apps with fixed ports on a real embedded cluster: each strategy, and an agent that goes away with a port."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenario_cli import Cli, eventually

GROUP = "/ciprov/x"

HEAD = """
blueprint: ports
parameters:
  mark: {type: string, default: a}
  port: {type: integer, default: 31900}
  role: {type: string, default: "*"}
timeout: 40s
group:
  apps:
"""
APP = """
    - id: {name}
      cmd: "exec python3 -m http.server --bind $HOST $PORT0"
      cpus: 0.1
      mem: 32
      env: {{MARK: "${{mark}}"}}
      requirePorts: true
      portDefinitions: [{{port: {port}, name: http}}]
      healthChecks: [{{protocol: HTTP, path: /, intervalSeconds: 1, gracePeriodSeconds: 20}}]
"""
STRICT = "      upgradeStrategy: {minimumHealthCapacity: 1, maximumOverCapacity: 1}\n"
PATIENT = "      unreachableStrategy: {inactiveAfterSeconds: 300, expungeAfterSeconds: 600}\n"
LOOSE = "      upgradeStrategy: {minimumHealthCapacity: 0, maximumOverCapacity: 1}\n"


def blueprint(cli: Cli, *apps: str) -> str:
    file = cli.directory / "ports.yaml"
    file.write_text(HEAD + "".join(apps))
    return str(file)


def marks(cli: Cli) -> dict[str, set[str]]:
    """What the running tasks of each app have, as their processes tell."""
    found: dict[str, set[str]] = {}
    for process in cli.processes():
        if "http.server" in process.cmdline():
            environment = process.environ()
            name = environment["MARATHON_APP_ID"].removeprefix(f"{GROUP}/")
            found.setdefault(name, set()).add(environment["MARK"])
    return found


@pytest.mark.parametrize("agents", ["1", "3"])
def test_each_strategy_ends_with_the_new_definition(cli: Cli, agents: str) -> None:
    cli.ok("local", "start", "--agents", agents)
    file = blueprint(
        cli,
        APP.format(name="plain", port=31710),
        APP.format(name="loose", port=31711) + LOOSE,
        APP.format(name="strict", port=31712) + STRICT,
        APP.format(name="moved", port='"${port}"'),
        APP.format(name="role", port=31714) + '      role: "${role}"\n',
    )
    cli.ok("env", "up", "x", "-b", file)
    again = (
        "env",
        "up",
        "x",
        "-b",
        file,
        "--param",
        "mark=b",
        "--param",
        "port=31901",
        "--param",
        "role=ciprov",
        "-o",
        "json",
    )
    done = cli.ok(*again).json
    planned = {app["app"]: app["strategy"] for app in done["plan"]["apps"]}
    offered = {slave["resources"]["ports"] for slave in cli.marathon("/slaves")["slaves"]}
    spare = agents == "3" and len(offered) == 1  # then each agent could take any of the ports
    assert planned == {
        "plain": "rolling" if spare else "in-place",
        "loose": "in-place",
        "strict": "rolling" if spare else "scale-to-zero",
        "moved": "rolling",
        "role": "delete-create",
    }
    assert marks(cli) == {name: {"b"} for name in planned}
    assert cli.ok(*again).json["outcome"] == "unchanged", "what an update in place put there is no change of its own"


@pytest.mark.parametrize(("agents", "more"), [("1", ""), ("3", PATIENT)], ids=["forgotten", "remembered"])
def test_an_agent_that_goes_away_with_a_port_is_waited_for(cli: Cli, agents: str, more: str) -> None:
    cli.ok("local", "start", "--agents", agents)
    file = blueprint(cli, APP.format(name="plain", port=31710) + more)
    cli.ok("env", "up", "x", "-b", file)
    (task,) = cli.tasks(f"{GROUP}/plain")
    cli.ok("local", "agent", "lose", task["slaveId"])
    plan = cli.run("env", "plan", "x", "-b", file, "--param", "mark=b", "-o", "json").json
    where = task["host"] if more else f"agent {task['slaveId']}"
    told = f"task {task['id']} on {where} cannot be reached and may still hold port 31710 there"
    assert any(told in note for note in plan["notes"]), plan["notes"]

    log = cli.directory / "up.log"
    with log.open("w") as written:
        running = cli.start("env", "up", "x", "-b", file, "--param", "mark=b")
        try:
            assert running.stdout is not None
            for line in running.stdout:
                written.write(line)
                if "waits up to 63 s" in line:
                    break
            assert marks(cli) == {"plain": {"a"}}, "the old task, which nobody can tell to end, has its port still"
            cli.ok("local", "agent", "return", task["slaveId"])
            written.write(running.stdout.read())
            assert running.wait(60) == 0, Path(log).read_text()
        finally:
            running.kill()
    eventually(lambda: marks(cli) == {"plain": {"b"}})
