"""Whatever schedulers say and whatever happens: nothing is given twice, and nothing ends the engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from engine_doubles import World, agent
from framework_double import Scheduler, ports, task
from hypothesis import given, settings
from hypothesis import strategies as st

from ciprov.localcluster.engine.cluster import ClusterEngine
from ciprov.localcluster.master.calls import BadCall, parse
from ciprov.localcluster.master.resources import total
from ciprov.localcluster.model import HOLDS_RESOURCES, Resources
from ciprov.localcluster.scheduling.agents import add, resources_of, subtract

NONE = Resources()
CALLS = ("accept", "accept", "accept", "decline", "revive", "suppress", "kill", "acknowledge", "teardown")
REPORTS = ("up", "end", "die", "wait")
CHANGES = ("app", "no app", "fail over", "leave", "lose", "return", "drain", "restart")
STEPS = st.lists(st.tuples(st.sampled_from(CALLS + REPORTS + CHANGES), st.integers(0, 3)), max_size=30)


class Story:
    """Two frameworks and an app, on two agents."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.schedulers = [Scheduler(world).subscribe(roles=[role]) for role in ("red", "blue")]
        self.made = 0

    def step(self, what: str, number: int) -> None:
        if what in CALLS:
            with suppress(BadCall):
                self.call(self.schedulers[number % 2], what, number)
        elif what in REPORTS:
            self.report(what, number)
        else:
            self.change(what, number)

    def call(self, one: Scheduler, what: str, number: int) -> None:
        known = self.world.engine.master.known
        offers = [offer for offer in one.offers if offer["id"]["value"] in known.offers]
        if what == "accept" and offers:
            self.made += 1
            wanted = [ports(31000 + number, 31000 + number)] if number else []
            at = offers[-1]["agent_id"]["value"]
            one.accept(offers[-1:], task(f"t{self.made}", cpus=1 + number, agent=at, more=wanted))
        elif what == "decline":
            one.decline(*offers, refuse_seconds=float(number))
        elif what in {"revive", "suppress", "teardown"}:
            one.call(what.upper())
        elif what == "kill":
            for each in known.tasks_of(one.id)[:1]:
                one.call("KILL", task_id={"value": each.id})
        elif what == "acknowledge":
            one.acknowledge_all()

    def report(self, what: str, number: int) -> None:
        running = sorted(set(self.world.tasks) - self.world.dying)
        if what == "up":
            self.world.come_up()
        elif what == "end" and running:
            self.world.end(running[number % len(running)])
        elif what == "die":
            self.world.die()
        else:
            self.world.clock.advance(3.0**number)

    def change(self, what: str, number: int) -> None:
        one = self.schedulers[number % 2]
        if what in {"app", "no app"}:
            self.world.put("/a", force=True, instances=number if what == "app" else 0, cpus=2)
        elif what == "leave":
            one.disconnect()
        elif what in {"lose", "return", "drain"}:
            with suppress(ValueError):
                getattr(self.world.engine, f"{what}_agent")(f"agent-{number % 2}")
        else:
            if what == "restart":
                self.world.restart()
                for each in self.schedulers:
                    each.close()
            self.schedulers[number % 2] = Scheduler(self.world).subscribe(one.id, roles=[f"role-{number}"])

    def check(self) -> None:
        engine = self.world.engine
        assert self.world.gave_up == []
        known = engine.master.known
        for each in engine.agents:
            held = engine.held_by_frameworks().get(each.id, NONE)
            ports_held = [each_task.resources.ports for each_task in known.holding() if each_task.agent_id == each.id]
            for instance in (*engine.instances(), *engine.strays()):
                app = engine.app_version(instance.app_id, instance.app_version)
                if instance.agent_id == each.id and app is not None and instance.condition in HOLDS_RESOURCES:
                    held = add(held, resources_of(app, instance.ports))
                    ports_held.append(frozenset(instance.ports))
            left = subtract(each.total, held)
            assert min(left.cpus, left.mem, left.disk) >= 0, "nothing is given twice"
            assert sum(map(len, ports_held)) == len(frozenset().union(*ports_held)), "no port is given twice"
            assert free(engine, each.id) == left, "the ledger is right"
            offered = [offer.resources for offer in known.offers.values() if offer.agent_id == each.id]
            assert not offered or each.active
            rest = subtract(left, total(offered))
            assert min(rest.cpus, rest.mem, rest.disk) >= 0, "an offer can be kept"


def free(engine: ClusterEngine, agent_id: str) -> Resources:
    return engine._state.ledger.free[agent_id]


@settings(max_examples=20, deadline=None)
@given(steps=STEPS)
def test_nothing_is_given_twice(steps: list[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory) -> None:
    story = Story(World(tmp_path_factory.mktemp("story"), agents=(agent(0, cpus=6), agent(1, cpus=4))))
    story.check()
    for what, number in steps:
        story.step(what, number)
        story.check()


VALID: list[Any] = [
    {"type": "DECLINE", "decline": {"offer_ids": [{"value": "x"}], "filters": {"refuse_seconds": 1.5}}},
    {"type": "KILL", "kill": {"task_id": {"value": "t"}, "kill_policy": {"grace_period": {"nanoseconds": 5}}}},
    {"type": "RECONCILE", "reconcile": {"tasks": [{"task_id": {"value": "t"}, "agent_id": {"value": "a"}}]}},
    {"type": "REVIVE", "revive": {"roles": ["ci"]}},
    {
        "type": "ACCEPT",
        "accept": {
            "offer_ids": [{"value": "OFFER"}],
            "filters": {"refuse_seconds": 0},
            "operations": [
                {
                    "type": "LAUNCH",
                    "launch": {
                        "task_infos": [
                            {
                                **task("t", more=[ports(31000, 31001)]),
                                "labels": {"labels": [{"key": "k", "value": "v"}]},
                                "kill_policy": {"grace_period": {"nanoseconds": 5}},
                                "command": {
                                    "value": "true",
                                    "shell": True,
                                    "arguments": ["a"],
                                    "user": "",
                                    "uris": [{"value": "u", "cache": True, "output_file": "o"}],
                                    "environment": {
                                        "variables": [
                                            {"name": "A", "type": "VALUE", "value": "b"},
                                            {
                                                "name": "S",
                                                "type": "SECRET",
                                                "secret": {"type": "VALUE", "value": {"data": "aGk="}},
                                            },
                                        ]
                                    },
                                },
                                "container": {
                                    "type": "DOCKER",
                                    "docker": {
                                        "image": "i",
                                        "network": "BRIDGE",
                                        "port_mappings": [{"host_port": 1, "container_port": 2}],
                                        "parameters": [{"key": "k", "value": "v"}],
                                    },
                                    "volumes": [{"container_path": "/v", "mode": "RW", "host_path": "/h"}],
                                    "network_infos": [{"name": "n"}],
                                },
                            }
                        ]
                    },
                },
                {"type": "RESERVE", "id": {"value": "o"}},
            ],
        },
    },
]
NONSENSE = st.sampled_from(
    [None, [], {}, "", "x", 0, -1, 1.5, 1e400, 10**400, -(2**70), True, [None], [[]], {"value": None}, "\0", "\ud800"]
)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_nonsense_is_refused_or_told_and_never_ends_the_engine(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    world = World(tmp_path_factory.mktemp("nonsense"), agents=(agent(cpus=4),))
    scheduler = Scheduler(world).subscribe()
    call = json.loads(
        json.dumps(data.draw(st.sampled_from(VALID))).replace("OFFER", scheduler.offers[0]["id"]["value"])
    )
    call["framework_id"] = {"value": scheduler.id}
    holders = list(_holders(call))
    holder = holders[data.draw(st.integers(0, len(holders) - 1))]
    where = data.draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
    holder[where] = data.draw(NONSENSE)
    with suppress(BadCall):
        world.engine.master.call(parse(json.dumps(call).encode()), scheduler.stream_id)
    assert world.gave_up == []
    assert Scheduler(world).subscribe().id


def _holders(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list) and value:
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _holders(inner)
