"""SAFETY: whatever is placed and ended in whatever order, no agent is over-committed and constraints hold."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, composite

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.model import Agent, Condition, Instance, Resources
from ciprov.localcluster.scheduling.agents import Ledger, resources_of
from ciprov.localcluster.scheduling.matching import Placement, match

NOW = datetime(2024, 1, 1, tzinfo=UTC)
RACKS = ("r1", "r2", "r3")


@composite
def fleets(draw: DrawFn) -> list[Agent]:
    count = draw(st.integers(1, 4))
    return [
        Agent(
            f"s{index}",
            f"h{index}",
            Resources(
                cpus=draw(st.sampled_from([0.3, 1.0, 2.5, 8.0])),
                mem=draw(st.sampled_from([64.0, 512.0, 4096.0])),
                disk=draw(st.sampled_from([0.0, 100.0])),
                gpus=draw(st.integers(0, 2)),
                ports=frozenset(range(31000 + 10 * index, 31000 + 10 * index + draw(st.integers(0, 8)))),
            ),
            {"rack": draw(st.sampled_from(RACKS))},
        )
        for index in range(count)
    ]


@composite
def apps(draw: DrawFn, name: str) -> App:
    port = st.sampled_from([0, 0, 31000, 31001, 31011])
    fields: dict[str, Any] = {
        "id": f"/{name}",
        "cpus": draw(st.sampled_from([0.1, 0.3, 1.0])),
        "mem": draw(st.sampled_from([32, 128, 500])),
        "disk": draw(st.sampled_from([0, 0, 60])),
        "gpus": draw(st.sampled_from([0, 0, 1])),
        "requirePorts": draw(st.booleans()),
        "portDefinitions": [{"port": each} for each in draw(st.lists(port, max_size=3))],
        "constraints": draw(
            st.lists(
                st.sampled_from(
                    [("hostname", "UNIQUE"), ("rack", "UNIQUE"), ("rack", "MAX_PER", "2"), ("rack", "CLUSTER"),
                     ("hostname", "LIKE", "h[01]"), ("rack", "IS", "r1")]
                ),
                max_size=1,
            )
        ),
    }  # fmt: skip
    return App.model_validate(fields)


def holds(ledger: Ledger, running: dict[str, tuple[App, Instance]]) -> None:
    for agent in ledger.agents.values():
        held = [
            resources_of(app, instance.ports) for app, instance in running.values() if instance.agent_id == agent.id
        ]
        assert sum(each.cpus for each in held) <= agent.total.cpus + 1e-9
        assert sum(each.mem for each in held) <= agent.total.mem
        assert sum(each.disk for each in held) <= agent.total.disk
        assert sum(each.gpus for each in held) <= agent.total.gpus
        ports = Counter(port for each in held for port in each.ports)
        assert set(ports) <= agent.total.ports
        assert all(count == 1 for count in ports.values())
        assert ledger.free[agent.id].ports == agent.total.ports - set(ports)


def constraints_hold(app: App, agents: dict[str, Agent], there: list[Instance]) -> None:
    racks = [agents[instance.agent_id].attributes["rack"] for instance in there]
    hosts = [instance.host for instance in there]
    for field, operator, *value in app.constraints:
        values = hosts if field == "hostname" else racks
        match operator:
            case "UNIQUE":
                assert len(set(values)) == len(values)
            case "MAX_PER":
                assert all(count <= int(value[0]) for count in Counter(values).values())
            case "CLUSTER":
                assert len(set(values)) <= 1
            case "LIKE":
                assert set(values) <= {"h0", "h1"}
            case "IS":
                assert set(values) <= {value[0]}


@given(fleets(), apps("a"), apps("b"), st.sets(st.sampled_from([31000, 31001, 31002, 31010])), st.data())
def test_never_overcommitted_never_against_a_constraint(
    fleet: list[Agent], one: App, other: App, unavailable: set[int], data: st.DataObject
) -> None:
    ledger = Ledger.of(fleet)
    running: dict[str, tuple[App, Instance]] = {}
    for number in range(data.draw(st.integers(1, 25))):
        if running and data.draw(st.integers(0, 3)) == 0:
            app, instance = running.pop(data.draw(st.sampled_from(sorted(running))))
            ledger = ledger.give(instance.agent_id, resources_of(app, instance.ports))
            continue
        app = data.draw(st.sampled_from([one, other]))
        mine = [instance for owner, instance in running.values() if owner is app]
        result = match(app, mine, ledger, unavailable, seed=str(number))
        if isinstance(result, Placement):
            ledger = ledger.take(result.agent_id, result.resources)
            assert not result.resources.ports & unavailable
            running[str(number)] = (
                app,
                Instance(
                    str(number), app.id, "v", Condition.RUNNING, NOW,
                    agent_id=result.agent_id, host=result.host, ports=result.ports,
                ),
            )  # fmt: skip
            constraints_hold(
                app, dict(ledger.agents), [instance for owner, instance in running.values() if owner is app]
            )
        else:
            assert set(result.declined) == set(ledger.agents)
        holds(ledger, running)
    for app, instance in running.values():
        ledger = ledger.give(instance.agent_id, resources_of(app, instance.ports))
    assert ledger == Ledger.of(fleet)


@given(fleets(), apps("a"), st.text(max_size=3))
def test_an_app_that_fits_somewhere_is_never_refused(fleet: list[Agent], app: App, seed: str) -> None:
    alone = [isinstance(match(app, (), Ledger.of([agent]), seed=seed), Placement) for agent in fleet]
    assert isinstance(match(app, (), Ledger.of(fleet), seed=seed), Placement) == any(alone)
