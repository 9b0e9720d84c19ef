"""The ledger: nothing is taken twice, and giving back restores what was there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.model import Resources
from ciprov.localcluster.scheduling.agents import Ledger, Overcommitted, resources_of, split


def test_split_gives_all_ports_and_disjoint_shares_that_cover_the_range() -> None:
    agents = split(Resources(cpus=4, mem=1000, disk=10, gpus=3), ["a", "b", "c"], 31000, 32000)
    shared = [port for agent in agents for port in agent.share]
    assert sorted(shared) == list(range(31000, 32001))
    assert all(sorted(agent.total.ports) == sorted(shared) for agent in agents)
    assert [agent.total.gpus for agent in agents] == [1, 1, 1]
    assert sum(agent.total.cpus for agent in agents) <= 4
    assert [agent.hostname for agent in agents] == ["a", "b", "c"]
    assert len({agent.id for agent in agents}) == 3


def test_split_refuses_more_agents_than_ports() -> None:
    with pytest.raises(ValueError, match="31000-31001"):
        split(Resources(cpus=1), ["a", "b", "c"], 31000, 31001)


@given(st.integers(1, 12), st.integers(0, 40), st.floats(0.1, 64))
def test_split_never_gives_out_more_than_the_machine_has(count: int, spare: int, cpus: float) -> None:
    machine = Resources(cpus=cpus, mem=777, disk=99, gpus=spare)
    agents = split(machine, ["h"] * count, 31000, 31000 + count - 1 + spare)
    assert sum(agent.total.cpus for agent in agents) <= cpus
    assert sum(agent.total.mem for agent in agents) <= 777
    assert sum(agent.total.disk for agent in agents) <= 99
    assert sum(agent.total.gpus for agent in agents) == spare
    assert sum(len(agent.share) for agent in agents) == count + spare


def test_taking_more_than_is_free_is_refused() -> None:
    ledger = Ledger.of(split(Resources(cpus=1, mem=100), ["h"], 1, 2))
    ledger = ledger.take("agent-1", Resources(cpus=0.6, ports=frozenset({1})))
    for wanted in (Resources(cpus=0.5), Resources(mem=101), Resources(ports=frozenset({1})), Resources(gpus=1)):
        with pytest.raises(Overcommitted):
            ledger.take("agent-1", wanted)
    assert ledger.used("agent-1") == Resources(cpus=0.6, ports=frozenset({1}))


def test_a_thousand_takes_and_gives_leave_no_dust() -> None:
    start = Ledger.of(split(Resources(cpus=200, mem=1000), ["h"], 1, 2))
    ledger = start
    for _ in range(1000):
        ledger = ledger.take("agent-1", Resources(cpus=0.1))
    for _ in range(1000):
        ledger = ledger.give("agent-1", Resources(cpus=0.1))
    assert ledger == start


def test_ten_tenths_of_a_cpu_fill_it() -> None:
    ledger = Ledger.of(split(Resources(cpus=1), ["h"], 1, 2))
    for _ in range(10):
        ledger = ledger.take("agent-1", Resources(cpus=0.1))
    assert ledger.free["agent-1"].cpus == 0


def test_what_runs_already_may_exceed_the_agent_and_blocks_it() -> None:
    ledger = Ledger.of(split(Resources(cpus=1), ["h"], 1, 2), [("agent-1", Resources(cpus=3)), ("gone", Resources(9))])
    with pytest.raises(Overcommitted):
        ledger.take("agent-1", Resources(cpus=0.1))
    assert ledger.give("agent-1", Resources(cpus=3)).free["agent-1"].cpus == 1
    assert ledger.give("gone", Resources(cpus=9)) is ledger


def test_foreign_ports_are_not_given_to_an_agent() -> None:
    ledger = Ledger.of(split(Resources(), ["h"], 1, 2))
    assert ledger.give("agent-1", Resources(ports=frozenset({7}))).free["agent-1"].ports == {1, 2}


def test_port_zero_is_no_port() -> None:
    assert resources_of(App(id="/a", cpus=0.5, mem=64), [0, 31000]) == Resources(0.5, 64, 0, 0, frozenset({31000}))
