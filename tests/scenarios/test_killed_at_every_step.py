"""SIGKILL after every single step of a plan with ten steps, on both stores; then resumed, repeated, or taken down."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError
from scenario_cli import REPOSITORY, Cli
from zookeeper_server import ADDRESS, need_server

STEPS = 10
"""Four layers of apps that go stop one after another, and with the last a changed app on a fixed port: each a stop and
a wait. Then the group PUT, and the wait until all is ready.
"""

BLUEPRINT = """
blueprint: chain
parameters: {port: {type: integer}}
timeout: 60s
group:
  apps:
    - id: fixed
      cmd: "exec sleep 1000 # STATE"
      cpus: 0.01
      mem: 8
      requirePorts: true
      portDefinitions: [{port: "${port}"}]
    - &app {id: stays, cmd: "exec sleep 1000 # old", cpus: 0.01, mem: 8, portDefinitions: []}
"""
OLD = """
    - {<<: *app, id: a}
    - {<<: *app, id: b, dependencies: [a]}
    - {<<: *app, id: c, dependencies: [b]}
    - {<<: *app, id: d, dependencies: [c]}
    - {<<: *app, id: e, dependencies: [d]}
"""
NEW = """
    - {<<: *app, id: added, cmd: "exec sleep 1000 # new"}
"""


@pytest.fixture(params=["sqlite", "zookeeper"])
def chain(request: pytest.FixtureRequest, cli: Cli) -> Iterator[Cli]:
    for name, text in (("old", OLD), ("new", NEW)):
        (cli.directory / f"{name}.yaml").write_text(BLUEPRINT.replace("STATE", name) + text)
    if request.param == "sqlite":
        yield cli
        return
    need_server()
    root = f"/ciprov-test-{uuid.uuid4().hex}"
    cli.environment["CIPROV_STORE"] = f"zk://{ADDRESS}{root}"
    yield cli
    cli.run("local", "stop", "--purge")
    client = KazooClient(hosts=ADDRESS)
    client.start()
    with suppress(NoNodeError):
        client.delete(root, recursive=True)
    client.stop()
    client.close()


def up(step: int, which: str) -> tuple[str, ...]:
    return ("env", "up", f"x{step}", "--blueprint", f"{which}.yaml", "--param", f"port={31320 + step}")


def killed_at(cli: Cli, step: int, *arguments: str) -> None:
    command = [sys.executable, str(REPOSITORY / "tests" / "killed_at_step.py"), str(step), "--local", *arguments]
    done = subprocess.run(
        command, env=cli.environment, cwd=cli.directory, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == -9, done.stdout + done.stderr


def commands(cli: Cli, step: int) -> dict[str, str]:
    """What runs in the environment of `step`, by app."""
    apps = [app for app in cli.marathon("/v2/apps")["apps"] if app["id"].startswith(f"/ciprov/x{step}/")]
    return {app["id"].rpartition("/")[2]: app["cmd"][-3:] for app in apps if app["tasksRunning"] == 1}


def at_every_step(one: Callable[[int], None], stride: int = 1) -> None:
    """Each in an environment of its own, several at once."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(1, STEPS + 1, stride)))


OLD_STATE = dict.fromkeys(("fixed", "stays", "a", "b", "c", "d", "e"), "old")
NEW_STATE = {"fixed": "new", "stays": "old", "added": "new"}


def test_up_killed_after_any_step_and_resumed_or_repeated_or_taken_down(chain: Cli) -> None:
    def one(step: int) -> None:
        name = f"x{step}"
        chain.ok(*up(step, "old"))
        assert commands(chain, step) == OLD_STATE
        kept = chain.tasks(f"/ciprov/{name}/stays")
        killed_at(chain, step, *up(step, "new"))
        cut = chain.ok("env", "status", name, "-o", "json").json["operation"]
        assert (cut["name"], cut["number"], cut["cut_short"]) == ("up", step, True)
        match step % 3:
            case 0:
                done = chain.ok("env", "resume", name, "-o", "json").json["environments"]
                assert [(one["environment"], one["operation"]) for one in done] == [(name, "up")]
            case 1:
                chain.ok(*up(step, "new"))
            case 2:
                chain.ok("env", "down", name)
                assert commands(chain, step) == {}
                return
        assert commands(chain, step) == NEW_STATE, step
        assert chain.tasks(f"/ciprov/{name}/stays") == kept, "what had not changed was not touched"
        assert chain.ok("env", "status", name, "-o", "json").json["operation"] is None

    at_every_step(one)
    left = chain.ok("env", "list", "-o", "json").json["environments"]
    assert len(left) == sum(step % 3 != 2 for step in range(1, STEPS + 1))
    assert chain.ok("env", "resume", "--all", "-o", "json").json["environments"] == []


def test_down_killed_after_its_steps_and_resumed_or_repeated_or_undone(chain: Cli) -> None:
    def one(step: int) -> None:
        chain.ok(*up(step, "old"))
        killed_at(chain, step, "env", "down", f"x{step}")

    at_every_step(one, stride=2)
    chain.ok("env", "down", "x1")
    chain.ok(*up(5, "old"))
    assert commands(chain, 5) == OLD_STATE
    done = chain.ok("env", "resume", "--all", "-o", "json").json["environments"]
    assert [(one["environment"], one["operation"]) for one in done] == [(f"x{step}", "down") for step in (3, 7, 9)]
    left = chain.ok("env", "list", "-o", "json").json["environments"]
    assert [one["name"] for one in left] == ["x5"]
    assert not any(commands(chain, step) for step in (1, 3, 7, 9))
