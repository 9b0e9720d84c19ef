"""The command line with its records in ZooKeeper, and what is left where a record was lost."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError
from scenario_cli import Cli, eventually
from zookeeper_server import ADDRESS, need_server

BLUEPRINT = """
blueprint: small
parameters: {mark: {type: string, default: a}}
timeout: 40s
group:
  apps:
    - id: web
      cmd: "exec python3 -m http.server --bind $HOST $PORT0"
      cpus: 0.1
      mem: 32
      env: {MARK: "${mark}"}
      portDefinitions: [{port: 0, name: http}]
      healthChecks: [{protocol: HTTP, path: /, intervalSeconds: 1, gracePeriodSeconds: 20}]
    - {id: plain, cmd: exec sleep 1000, cpus: 0.1, mem: 32, portDefinitions: []}
"""


@pytest.fixture
def client() -> Iterator[KazooClient]:
    need_server()
    client = KazooClient(hosts=ADDRESS)
    client.start()
    yield client
    client.stop()
    client.close()


@pytest.fixture
def root(client: KazooClient, cli: Cli) -> Iterator[str]:
    root = f"/ciprov-test-{uuid.uuid4().hex}"
    cli.environment["CIPROV_STORE"] = f"zk://{ADDRESS}{root}"
    yield root
    cli.run("local", "stop", "--purge")
    with suppress(NoNodeError):
        client.delete(root, recursive=True)


def up(cli: Cli, *more: str) -> tuple[str, ...]:
    file = cli.directory / "small.yaml"
    file.write_text(BLUEPRINT)
    return ("env", "up", "x", "--blueprint", str(file), *more)


def nodes(client: KazooClient, path: str) -> set[str]:
    """Every node at and below `path` while others may make and delete some."""
    try:
        children = client.get_children(path)
    except NoNodeError:
        return set()
    return {path}.union(*(nodes(client, f"{path}/{child}") for child in children))


def test_the_whole_life_of_an_environment_with_its_record_in_zookeeper(cli, client, root):
    first = cli.ok(*up(cli), "-o", "json").json
    assert cli.ok(*up(cli), "-o", "json").json["outcome"] == "unchanged"
    assert cli.ok("env", "show", "x", "-o", "json").json["endpoints"] == first["endpoints"]
    assert not (cli.state / "state.db").exists()
    cli.ok("env", "down", "x")
    left = nodes(client, root)
    assert not [path for path in left if "/locks/" in path or path.endswith("/environments/local/x")]
    operations = [one["operation"] for one in history(client, root)]
    assert operations == ["up", "up", "down"]


def history(client: KazooClient, root: str) -> list[dict[str, str]]:
    entries = sorted(path for path in nodes(client, root) if "/history/local/x/" in path)
    return [json.loads(client.get(path)[0]) for path in entries]


def test_a_killed_up_is_finished_by_the_next_one(cli, client, root):
    killed = cli.start(*up(cli))
    try:
        eventually(lambda: [path for path in nodes(client, root) if path.endswith("/environments/local/x")])
    finally:
        killed.kill()
        killed.wait()
    cli.ok(*up(cli))
    assert cli.ok("env", "status", "x", "-o", "json").json["phase"] == "ready"
    cli.ok("env", "down", "x")


def test_an_environment_whose_record_was_lost_is_adopted(cli):
    first = cli.ok(*up(cli), "-o", "json").json
    tasks = cli.task_ids("/ciprov/x")
    for file in cli.state.glob("state.db*"):
        file.unlink()
    assert cli.ok("env", "list", "-o", "json").json["environments"] == []
    lost = cli.run("env", "adopt", "y")
    assert (lost.code, "environments without a record: x" in lost.err) == (1, True)
    adopted = cli.ok("env", "adopt", "x", "-o", "json").json
    assert adopted["apps"] == ["plain", "web"]
    assert adopted["blueprint"] == "small"
    assert cli.ok("env", "show", "x", "-o", "json").json["endpoints"] == first["endpoints"]
    assert cli.ok("env", "status", "x", "--exit-code", "-o", "json").json["phase"] == "ready"
    refused = cli.run("env", "up", "x")
    assert refused.code == 64
    assert "--blueprint FILE" in refused.err
    assert cli.ok(*up(cli), "-o", "json").json["outcome"] == "unchanged"
    assert cli.task_ids("/ciprov/x") == tasks
    assert cli.run("env", "adopt", "x").code == 1
    cli.ok("env", "down", "x")


def test_a_shared_cluster_with_a_store_of_this_machine_is_refused(cli, tmp_path: Path):
    cli.ok("local", "start")
    cluster = cli.cluster
    password = Path(cluster["credential_file"]).read_text().strip()
    cli.environment |= {
        "CIPROV_MARATHON": cluster["marathon"],
        "CIPROV_MARATHON_USER": cluster["user"],
        "CIPROV_MARATHON_PASSWORD": password,
        "CIPROV_SERVICE_ADDRESS": cluster["service_address"],
    }
    refused = without_local(cli, "env", "list")
    assert refused.returncode == 64
    assert "zk://" in refused.stderr
    assert "--store-local" in refused.stderr
    assert without_local(cli, "--store-local", "env", "list").returncode == 0
    cli.environment["CIPROV_STORE_LOCAL"] = "1"
    assert without_local(cli, "env", "list").returncode == 0


def without_local(cli: Cli, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ciprov", *arguments]
    return subprocess.run(command, env=cli.environment, capture_output=True, text=True, timeout=60, check=False)


def test_what_lost_its_owner_is_found_in_zookeeper_too(cli, client, root):
    cli.ok(*up(cli))
    tasks = cli.task_ids("/ciprov/x")
    (mine,) = [path for path in nodes(client, root) if path.endswith("/environments/local/x")]
    own = mine.removesuffix("/environments/local/x")
    client.ensure_path(f"{own}/locks/env%2Flocal%2Fy")
    client.create(f"{own}/environments/local/gone", client.get(mine)[0].replace(b"/ciprov/x", b"/ciprov/gone"))
    found = cli.run("env", "gc", "-o", "json")
    assert found.code == 2
    assert {(one["kind"], one["id"]) for one in found.json["orphans"]} == {
        ("locks", "env/local/y"),
        ("records", "gone"),
    }
    removed = cli.ok("env", "gc", "--remove", "-o", "json").json["orphans"]
    assert {one["outcome"] for one in removed} == {"removed"}
    assert cli.ok("env", "gc", "-o", "json").json["orphans"] == []
    assert cli.task_ids("/ciprov/x") == tasks

    client.delete(mine)
    assert cli.run("env", "gc", "--remove").code == 1
    assert cli.task_ids("/ciprov/x") == tasks
    cli.ok("env", "gc", "--remove", "--force")
    assert cli.task_ids("/ciprov") == {}
    assert not [path for path in nodes(client, root) if "/locks/" in path]
