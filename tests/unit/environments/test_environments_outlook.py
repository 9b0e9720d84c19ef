"""What a plan tells before anything is written."""

from __future__ import annotations

from dataclasses import replace

from marathon_model import World, app, desired

from ciprov.environments.plan import Plan
from ciprov.environments.results import Origin, UpOptions


def planned(world: World, **fields: object) -> Plan:
    shall = replace(desired(app("api", **fields)), blueprint="other")
    return world.service().plan("x", lambda record, taken: shall)


def test_a_blueprint_of_another_name_is_told() -> None:
    world = World()
    assert planned(world).notes == ()
    first = desired(app("api"))
    world.service().up("x", lambda r, t: first, UpOptions(Origin("c.yaml", "blueprint: c", "me")), lambda _: None)
    assert world.service().plan("x", lambda record, taken: first).notes == ()
    note = f"the environment was made from the blueprint {first.blueprint}, this one is called other"
    assert planned(world).notes == (note,)
    assert not planned(world).changes


def test_what_can_never_fit_is_told_and_not_refused() -> None:
    world = World()
    plan = planned(world, portDefinitions=[{"port": 0}] * 2000)
    assert plan.conflicts == ()
    assert any("api asks for 2000 host ports per instance, which no agent has" in note for note in plan.notes)
