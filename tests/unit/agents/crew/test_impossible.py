from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from framework_examples import NOW, offer
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from ciprov.agents.crew.attempts import Attempts, failed, pauses, told
from ciprov.agents.crew.impossible import (
    SURE_AFTER,
    Cluster,
    Impossible,
    impossible,
    lacking,
    possible_again,
    suspected,
)
from ciprov.agents.lifecycle import ended
from ciprov.agents.record import AgentRecord, Cause, Phase
from ciprov.agents.template import Limits, Rules, Template
from ciprov.framework.deciding import decide
from ciprov.framework.decisions import Held
from ciprov.framework.requests import Request, Wanted, constraint
from ciprov.framework.resources import merged
from ciprov.framework.state import KnownAgent, Policy, State

CASES = Path(__file__).parents[3] / "cases" / "impossible"
LARGE = Template("gpu", ("gpu",), Wanted(cpus=64))


def cases():
    return [
        pytest.param(case, id=case["name"]) for file in CASES.glob("*.yaml") for case in YAML(typ="safe").load(file)
    ]


def known(host, cpus=4, mem=65536, disk=0, gpus=0, **more):
    return KnownAgent(
        f"id-{host}",
        host,
        {name: tuple(values) for name, values in more.get("attributes", {}).items()},
        Wanted(cpus, mem, disk, gpus).amounts,
        merged(tuple(one) for one in more.get("ports", ())),
        frozenset("*"),
        NOW,
        NOW + timedelta(seconds=5) if more.get("maintenance") else None,
    )


def cluster(*agents):
    return Cluster(agents, Policy())


def record(name="gpu-1", template="gpu", phase=Phase.NODE_CREATED):
    return AgentRecord(name, template, (template,), NOW, NOW, phase)


@pytest.mark.parametrize("case", cases())
def test_what_is_lacking(case):
    wanted = Wanted(**{**case["wants"], "ports": tuple(case["wants"].get("ports", ()))})
    template = Template(
        "gpu",
        ("gpu",),
        wanted,
        constraints=tuple(constraint(*each) for each in case.get("constraints", ())),
        roles=tuple(case.get("roles", ["*"])),
    )
    agents = [known(host, **fields) for host, fields in case["agents"].items()]
    assert lacking(template, cluster(*agents), NOW) == case["lacking"]


AMOUNTS = st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2), st.integers(0, 1), st.integers(0, 3))


@given(st.lists(AMOUNTS, min_size=1, max_size=4), AMOUNTS)
def test_it_is_lacking_exactly_where_the_framework_says_never(hosts, wants):
    offers = [
        offer(f"h{number}", cpus, mem, disk=disk, gpus=gpus, ports=[(31000, 31000 + ports - 1)] if ports else [])
        for number, (cpus, mem, disk, gpus, ports) in enumerate(hosts)
    ]
    cpus, mem, disk, gpus, ports = wants
    wanted = Wanted(cpus, mem, disk, gpus, (0,) * ports)
    made = decide([Request("x", "gpu", wanted, NOW)], offers, State(), NOW)
    agents = made.memory.agents.values()
    text = lacking(Template("gpu", ("gpu",), wanted), Cluster(agents, Policy()), NOW)
    assert bool(text) == any(held.never for held in made.held)


def test_it_is_told_once_it_is_sure_and_for_all_agents_that_wait():
    records = {
        each.name: each
        for each in (
            record("gpu-1"),
            record("gpu-2", phase=Phase.WANTED),
            record("gpu-3", phase=Phase.ONLINE),
            replace(record("gpu-4"), leaving=Cause.DRAINED),
        )
    }
    rules = Rules(templates=(LARGE,))
    held = {"gpu-1": Held("gpu-1", "too large", never=True)}
    since = suspected({}, held, records, NOW)
    here = cluster(known("host-3", cpus=16))
    assert impossible(since, records, rules, here, NOW) == ()
    later = NOW + SURE_AFTER
    since = suspected(since, held, records, later)
    detail = "template gpu wants 64 cpus; the largest agent, host-3, has 16"
    assert impossible(since, records, rules, here, later) == (Impossible("gpu", ("gpu-1", "gpu-2"), detail),)
    assert impossible(since, records, rules, cluster(known("new", cpus=64)), later) == ()
    assert impossible(since, records, Rules(), here, later) == ()


def test_it_must_be_so_on_end_and_others_are_not_suspected():
    records = {each.name: each for each in (record("gpu-1"), record("a-1", "a"), record("b-1", "b", Phase.LAUNCHED))}
    held = {
        "gpu-1": Held("gpu-1", "", never=True),
        "a-1": Held("a-1", "no offers"),
        "b-1": Held("b-1", "", never=True),
        "gone": Held("gone", "", never=True),
    }
    since = suspected({}, held, records, NOW)
    assert since == {"gpu": NOW}
    later = NOW + timedelta(seconds=2)
    assert suspected(since, held, records, later) == {"gpu": NOW}
    assert suspected(since, {"gpu-1": Held("gpu-1", "no offers")}, records, later) == {}


def test_it_is_tried_three_times_at_most_and_again_when_an_agent_is_large_enough():
    rules, here = Rules(templates=(LARGE,)), cluster(known("host-3", cpus=16))
    attempts, now, since, told_after = Attempts(), NOW, {}, []
    for tick in range(600):
        now = NOW + timedelta(seconds=tick / 10)
        waiting = {} if pauses(attempts, now) else {"gpu-1": record()}
        since = suspected(since, {name: Held(name, "", never=True) for name in waiting}, waiting, now)
        for found in impossible(since, waiting, rules, here, now):
            over = [ended(waiting[name], Cause.TOO_LARGE, found.detail, now) for name in found.agents]
            for each in over:
                attempts = failed(attempts, each, Limits(), now)
            told_after.append(tick / 10)
    assert told_after == [3.0, 7.0, 12.0]
    (pause,) = pauses(attempts, now).values()
    assert pause.final
    assert "wants 64 cpus; the largest agent, host-3, has 16" in told(pause)
    assert possible_again({"gpu": pause}, rules, here, now) == ()
    assert possible_again({"gpu": pause}, rules, cluster(known("new", cpus=64)), now) == ("gpu",)
    assert possible_again({"gpu": pause}, Rules(), cluster(known("new", cpus=64)), now) == ()
    assert possible_again({"gpu": pause}, rules, cluster(), now) == (), "after a restart none is known at first"


def test_a_pause_for_another_cause_is_left_alone():
    attempts = failed(Attempts(), ended(record(), Cause.NODE_REFUSED, "", NOW), Limits(), NOW)
    large = cluster(known("new", cpus=64))
    assert possible_again(pauses(attempts, NOW), Rules(templates=(LARGE,)), large, NOW) == ()
