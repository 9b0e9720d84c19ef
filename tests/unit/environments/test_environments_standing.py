"""How environments stand: what ciprov did itself is not told as somebody else's doing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from marathon_model import GROUP, Killed, World, app, desired

from ciprov.environments.results import DownOptions, Origin, UpOptions

OPTIONS = UpOptions(Origin("courseware.yaml", "blueprint: courseware", "me"))


def up(world: World, *apps: dict[str, Any]) -> None:
    world.service().up("x", lambda record, taken: desired(*apps), OPTIONS, lambda _: None)


def killed_after(world: World, last_write: str, act: Any) -> None:
    def watch() -> None:
        if any(one.startswith(last_write) for one in world.writes):
            raise Killed
        world.at.append((world.now + 0.01, watch))

    world.writes.clear()
    world.at.append((world.now, watch))
    with pytest.raises(Killed):
        act()
    world.at.clear()


def drift(world: World) -> dict[str, str]:
    return {one.app: one.drift for one in world.service().status("x", GROUP).apps}


def test_what_an_interrupted_up_removed_is_not_gone_by_an_outside_hand() -> None:
    world = World()
    up(world, app("api"), app("worker"))
    killed_after(world, "put_group", lambda: up(world, app("api", cmd="other")))
    assert f"{GROUP}/worker" not in world.live
    assert drift(world) == {"api": ""}


def test_what_an_interrupted_up_deleted_to_create_it_anew_is_to_come_back() -> None:
    world = World()
    up(world, app("api"), app("worker"))
    record = world.records["x"]
    world.records["x"] = replace(record, pending_counts={f"{GROUP}/api": 1, f"{GROUP}/worker": 1})
    world.delete_app(f"{GROUP}/worker")
    world.advance(10)
    assert drift(world) == {"api": "", "worker": ""}
    detail = {one.app: one.detail for one in world.service().status("x", GROUP).apps}["worker"]
    assert "did not end" in detail


def test_what_an_interrupted_down_took_away_is_not_gone_by_an_outside_hand() -> None:
    world = World()
    up(world, app("api"), app("worker"))
    killed_after(world, "delete_group", lambda: world.service().down("x", GROUP, DownOptions(), lambda _: None))
    assert set(drift(world).values()) <= {""}


def test_what_somebody_else_deleted_is_told() -> None:
    world = World()
    up(world, app("api"), app("worker"))
    world.delete_app(f"{GROUP}/worker")
    world.advance(10)
    assert drift(world) == {"api": "", "worker": "gone"}
    assert [(one.ready_apps, one.apps) for one in world.service().list()] == [(1, 2)]


def test_a_list_marks_what_is_past_its_time() -> None:
    world = World()
    up(world, app("api"))
    record = world.records["x"]
    now = world.clock().now()
    for expires_at, expired in ((now, True), (now + timedelta(seconds=1), False), (None, False)):
        world.records["x"] = replace(record, expires_at=expires_at)
        assert [one.expired for one in world.service().list()] == [expired]
