"""What a client of Mesos reads of agents and their tasks: enough to find a sandbox by a task's id."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from api_double import TreeEngine
from asgi_streams import call
from sandboxes_double import Kept

from ciprov.localcluster.api.agents import agent_routes, container_of
from ciprov.localcluster.api.amounts import ranges
from ciprov.localcluster.api.sandbox_port import TaskSandbox
from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.master.state import MasterState
from ciprov.localcluster.model import Agent, Condition, HealthResult, Instance, Resources, TaskFailure

NOW = datetime(2024, 1, 1, tzinfo=UTC)
APP = App(id="/shop/api", version="v1", cpus=0.5, mem=64, labels={"A": "b"})


def instance(number: int, agent: str, condition: Condition = Condition.RUNNING) -> Instance:
    return Instance(
        f"shop_api.instance-{number}", "/shop/api", "v1", condition, NOW,
        agent_id=agent, host="127.9.8.1", ports=(31000 + number,), started_at=NOW, health=(HealthResult(0, True),),
    )  # fmt: skip


def sandbox(task: Instance | str, agent: str = "") -> TaskSandbox:
    name = task if isinstance(task, str) else task.task_id
    return TaskSandbox(name, Path("/state/tasks") / name, "TASK_FINISHED", agent)


@pytest.fixture
def engine() -> TreeEngine:
    ports = frozenset(range(31000, 31010))
    agents = (
        Agent("agent-0", "127.9.8.1", Resources(4, 1000, 10, 0, ports), {"rack": "r1"}),
        Agent("agent-1", "127.9.8.1", Resources(2, 500), role="prod", active=False),
    )
    running = [instance(1, "agent-0"), instance(2, "agent-1"), instance(3, "agent-0", Condition.KILLED)]
    tree = Group(groups={"/shop": Group(id="/shop", apps={APP.id: APP})})
    return TreeEngine(agents=agents, running=running, trees=[tree])


def kept(engine: TreeEngine) -> Kept:
    return Kept(tasks=[*map(sandbox, engine.running), sandbox("old"), sandbox("old-there", "agent-1")])


def ask(engine: TreeEngine, path: str) -> Any:
    return json.loads(call(agent_routes(engine, kept(engine), MasterState({}, lambda *_: None)), "GET", path).body)


@pytest.mark.parametrize("path", ["/slaves", "/master/slaves"])
def test_agents_as_the_master_tells_them(engine: TreeEngine, path: str) -> None:
    first, second = ask(engine, path)["slaves"]
    assert (first["id"], first["pid"]) == ("agent-0", "slave(1)@127.9.8.1:8080")
    assert (first["hostname"], first["port"], first["attributes"]) == ("127.9.8.1", 8080, {"rack": "r1"})
    assert first["active"]
    assert first["resources"] == {"cpus": 4.0, "mem": 1000.0, "disk": 10.0, "gpus": 0.0, "ports": "[31000-31009]"}
    assert first["used_resources"] == {"cpus": 0.5, "mem": 64.0, "disk": 0.0, "gpus": 0.0, "ports": "[31001-31001]"}
    assert first["unreserved_resources"] == first["resources"]
    assert first["reserved_resources"] == {}
    assert second["pid"] == "slave(2)@127.9.8.1:8080"
    assert (second["active"], second["deactivated"]) == (False, True)
    assert second["reserved_resources"] == {"prod": second["resources"]}


def found(state: Any) -> dict[str, tuple[str, str]]:
    """As clients search: every task of every executor, running or ended, with its state and directory."""
    return {
        task["id"]: (task["state"], executor["directory"])
        for framework in state["frameworks"] + state["completed_frameworks"]
        for executor in framework["executors"] + framework["completed_executors"]
        for task in executor["tasks"] + executor["completed_tasks"]
    }


def test_sandboxes_are_found_by_task_id_also_of_ended_tasks(engine: TreeEngine) -> None:
    tasks = found(ask(engine, "/slave(1)/state"))
    assert tasks == {
        "shop_api.instance-1._app.1": ("TASK_RUNNING", "/state/tasks/shop_api.instance-1._app.1"),
        "shop_api.instance-3._app.1": ("TASK_FINISHED", "/state/tasks/shop_api.instance-3._app.1"),
        "old": ("TASK_FINISHED", "/state/tasks/old"),
    }


def test_each_agent_tells_its_own_tasks(engine: TreeEngine) -> None:
    state = ask(engine, "/slave(2)/state.json")
    assert state["id"] == "agent-1"
    assert {"shop_api.instance-2._app.1", "old-there"} <= set(found(state))
    assert "shop_api.instance-1._app.1" not in found(state)


def test_a_running_task(engine: TreeEngine) -> None:
    state = ask(engine, "/slave(1)/state")
    (executor,) = state["frameworks"][0]["executors"]
    (task,) = executor["tasks"]
    task_id = "shop_api.instance-1._app.1"
    assert (executor["id"], executor["source"], executor["container"]) == (task_id, task_id, container_of(task_id))
    assert (task["name"], task["slave_id"], task["executor_id"]) == ("api.shop", "agent-0", "")
    assert task["framework_id"] == state["frameworks"][0]["id"]
    assert task["labels"] == [{"key": "A", "value": "b"}]
    assert task["resources"]["ports"] == "[31001-31001]"
    (status,) = task["statuses"]
    assert status["container_status"]["container_id"]["value"] == container_of(task_id)
    assert (status["healthy"], status["state"], status["timestamp"]) == (True, "TASK_RUNNING", NOW.timestamp())


@pytest.mark.parametrize("number", [0, 3])
def test_an_unknown_agent(engine: TreeEngine, number: int) -> None:
    answer = call(
        agent_routes(engine, kept(engine), MasterState({}, lambda *_: None)), "GET", f"/slave({number})/state"
    )
    assert answer.status == 404
    assert f"slave({number})" in answer.body.decode()


def test_the_last_failed_task_is_told_by_its_agent_with_its_state(engine: TreeEngine) -> None:
    engine.root = engine.trees[0]
    failure = TaskFailure("/shop/api", "old", "h", "agent-1", "TASK_FAILED", "exited", NOW, "v1")
    engine.failures["/shop/api"] = failure
    assert "old" not in found(ask(engine, "/slave(1)/state"))
    assert found(ask(engine, "/slave(2)/state"))["old"] == ("TASK_FAILED", "/state/tasks/old")


def test_ranges() -> None:
    assert ranges([3, 1, 2, 9, 11, 10]) == "[1-3, 9-11]"
    assert ranges([5]) == "[5-5]"
