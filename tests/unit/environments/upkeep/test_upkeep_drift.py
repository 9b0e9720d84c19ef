"""What is told of changes from outside, and what is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ciprov.domain.environment import EnvironmentRecord, Operation, Phase
from ciprov.environments.upkeep.drift import changed_since, count_drift, definition_drift

NOW = datetime(2030, 1, 1, tzinfo=UTC)
RECORD = EnvironmentRecord(
    "c", "x", "/x", "b", "f", "s", "", Phase.READY, NOW, NOW, counts={"/x/a": 2}, app_versions={"/x/a": "v1"}
)


def app(version: str = "v2", **fields: Any) -> dict[str, Any]:
    return {"id": "/x/a", "cmd": "run", "instances": 2, "versionInfo": {"lastConfigChangeAt": version}, **fields}


def test_the_same_version_is_not_looked_at_and_neither_is_one_under_an_operation():
    assert changed_since(app("v1"), RECORD) == ""
    assert changed_since(app(), RECORD) == "v1"
    assert changed_since(app(), replace(RECORD, operation=Operation("up", NOW, "me"))) == ""
    assert changed_since(app(), replace(RECORD, app_versions={})) == "", "recorded by an older ciprov"


def test_changed_fields_are_named_without_their_values_save_for_the_image():
    left = app("v1", env={"DB": "hunter2"}, container={"type": "DOCKER", "docker": {"image": "shop:1"}})
    live = app(env={"DB": "hunter3"}, container={"type": "DOCKER", "docker": {"image": "shop:2"}})
    told = definition_drift(live, left)
    assert "changed at v2" in told
    assert "env.DB" in told
    assert "hunter" not in told
    assert "shop:1 → shop:2" in told


def test_a_restart_is_no_drift_and_a_forgotten_version_is_told():
    assert definition_drift(app(), app("v1", instances=1)) == ""
    assert definition_drift(app(), None) == "its definition was changed at v2"


def test_a_count_is_drift_unless_an_operation_wanted_it():
    assert count_drift(app(instances=5), RECORD) == "scaled to 5, the blueprint asked for 2"
    assert count_drift(app(), RECORD) == ""
    assert count_drift(app(instances=0), replace(RECORD, pending_counts={"/x/a": 2})) == ""
