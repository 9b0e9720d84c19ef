"""The master's state: what runs, and what it cannot reach, whether or not Marathon remembers it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from api_double import TreeEngine
from asgi_streams import call

from ciprov.localcluster.api.master_state import master_routes
from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.master.state import MasterState
from ciprov.localcluster.model import Agent, Condition, Instance, Resources

NOW = datetime(2024, 1, 1, tzinfo=UTC)
APP = App(id="/shop/api", version="v1", cpus=0.5, mem=64)


def instance(number: int, agent: str, condition: Condition) -> Instance:
    return Instance(
        f"shop_api.instance-{number}", "/shop/api", "v1", condition, NOW, agent_id=agent, ports=(31000 + number,)
    )


@pytest.fixture
def engine() -> TreeEngine:
    total = Resources(4, 1000, 10, 0, frozenset(range(31000, 31010)))
    here, lost = Agent("agent-1", "h1", total), Agent("agent-2", "h2", total, active=False, lost=True)
    running = [
        instance(1, "agent-1", Condition.RUNNING),
        instance(2, "agent-2", Condition.UNREACHABLE_INACTIVE),
        instance(3, "", Condition.SCHEDULED),
    ]
    tree = Group(groups={"/shop": Group(id="/shop", apps={APP.id: APP})})
    forgotten = [instance(4, "agent-2", Condition.UNREACHABLE)]
    return TreeEngine(agents=(here, lost), running=running, forgotten=forgotten, trees=[tree])


def framework(engine: TreeEngine, path: str = "/state") -> Any:
    answer = json.loads(call(master_routes(engine, MasterState({}, lambda *_: None), lambda: NOW), "GET", path).body)
    assert (answer["activated_slaves"], answer["unreachable_slaves"]) == (
        len(answer["slaves"]),
        2 - len(answer["slaves"]),
    )
    (only,) = answer["frameworks"]
    return only


@pytest.mark.parametrize("path", ["/state", "/master/state"])
def test_tasks_are_told_by_whether_they_can_be_reached(engine: TreeEngine, path: str) -> None:
    told = framework(engine, path)
    assert [task["id"] for task in told["tasks"]] == ["shop_api.instance-1._app.1"]
    unreachable = {task["id"]: (task["slave_id"], task["state"]) for task in told["unreachable_tasks"]}
    assert unreachable == {
        "shop_api.instance-2._app.1": ("agent-2", "TASK_UNREACHABLE"),
        "shop_api.instance-4._app.1": ("agent-2", "TASK_UNREACHABLE"),
    }
    assert told["unreachable_tasks"][1]["resources"]["ports"] == "[31004-31004]"
    assert told["unreachable_tasks"][1]["name"] == "api.shop"


def test_a_stray_is_being_killed_once_its_agent_is_back(engine: TreeEngine) -> None:
    engine.agents = [replace(agent, active=True, lost=False) for agent in engine.agents]
    states = {task["id"]: task["state"] for task in framework(engine)["tasks"]}
    assert states["shop_api.instance-4._app.1"] == "TASK_KILLING"
