"""Service ports: who is forwarded to, and where nothing may listen but a task itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.parse import parse_app
from ciprov.localcluster.engine.routing import app_routes
from ciprov.localcluster.model import Condition, HealthResult, Instance

HOME, AWAY = "127.9.8.1", "127.9.8.2"
NOW = datetime(2024, 1, 1, tzinfo=UTC)


def app(**fields: Any) -> App:
    return parse_app({"id": "/a", "cmd": "serve", "portDefinitions": [{"port": 31500}], "requirePorts": True, **fields})


def on(host: str, condition: Condition = Condition.RUNNING, port: int = 31500, **fields: Any) -> Instance:
    instance = Instance(f"a.{host}", "/a", "v", condition, NOW, agent_id=f"at {host}", host=host, ports=(port,))
    return replace(instance, **fields)


def routes(definition: App, *instances: Instance) -> dict[int, tuple[tuple[str, int], ...]]:
    return app_routes(definition, [(each, definition) for each in instances], HOME)


def test_all_that_serve_are_targets() -> None:
    assert routes(app(), on(HOME), on(AWAY)) == {31500: ((HOME, 31500), (AWAY, 31500))}


@pytest.mark.parametrize(
    "beginner",
    [on(HOME, Condition.STAGING), on(HOME, health=(HealthResult(0, alive=False),))],
    ids=["starts", "serves not yet"],
)
def test_nothing_takes_the_fixed_port_of_a_task_that_is_about_to_listen(beginner: Instance) -> None:
    assert routes(app(), beginner, on(AWAY)) == {}
    assert routes(app(), replace(beginner, host=AWAY), on(AWAY)) == {31500: ((AWAY, 31500),)}
    assert routes(app(), replace(beginner, condition=Condition.KILLED), on(AWAY)) == {31500: ((AWAY, 31500),)}


def test_a_task_on_a_dynamic_port_is_in_nobodys_way() -> None:
    elsewhere = app(portDefinitions=[{"port": 10080}], requirePorts=False)
    assert routes(elsewhere, on(HOME, Condition.STAGING), on(AWAY)) == {10080: ((AWAY, 31500),)}
