from dataclasses import replace
from datetime import timedelta

import pytest
from agent_snapshots import NOW, RULES, record

from ciprov.agents.record import Phase
from ciprov.agents.requesting import at_hand, check_label, check_place
from ciprov.agents.template import Rules
from ciprov.agents.view.snapshot import Pause
from ciprov.foundation.errors import CiprovError, UsageError

LINUX, GPU, _ = RULES.templates
PAUSE = Pause("linux", "its task failed", "no image", 3, NOW + timedelta(minutes=30), final=True)
MINE = {"a": record("a", unique_label="once-1")}


@pytest.mark.parametrize("label", ["once-1", "release-7", "ciprov.linux.x"])
def test_a_label_of_its_own_may_be_given(label: str) -> None:
    check_label(label, LINUX, RULES)


@pytest.mark.parametrize(
    ("label", "of", "told"),
    [
        ("a b", LINUX, "no single label"),
        ('"a b"', LINUX, "no single label"),
        ("a&&b", LINUX, "no single label"),
        ("!a", LINUX, "no single label"),
        ("a,b", LINUX, "no single label"),
        ("\x1b[1m", LINUX, "no single label"),
        ("gpu", LINUX, "a label of template gpu: others' builds ask for it"),
        ("linux", LINUX, "a label of template linux"),
        ("once-1", GPU, "asks for an agent of template linux, not of gpu"),
    ],
)
def test_a_label_that_others_use_is_refused(label: str, of: object, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        check_label(label, of, RULES)  # type: ignore[arg-type]


def test_nothing_is_promised_that_is_not_made() -> None:
    check_place(LINUX, RULES, (), replace(PAUSE, final=False), {"gpu"})
    with pytest.raises(CiprovError, match=r"paused until 2026-03-01 12:30:00 UTC: its task failed \(no image\)"):
        check_place(LINUX, RULES, (), PAUSE, ())
    with pytest.raises(CiprovError, match="drained"):
        check_place(LINUX, RULES, (), None, {"linux"})


def test_limits_hold_for_requests_too() -> None:
    agents = [record("a"), record("b", "gpu"), record("c", phase=Phase.REMOVED)]
    two_in_all = Rules(replace(RULES.service, most=2), RULES.templates)
    one = replace(LINUX, limits=replace(LINUX.limits, most=1))
    check_place(LINUX, RULES, agents, None, ())
    with pytest.raises(CiprovError, match="there are 2 agents, and 2 at most"):
        check_place(LINUX, two_in_all, agents, None, ())
    with pytest.raises(CiprovError, match="template linux has 1 agents, and 1 at most"):
        check_place(one, RULES, agents, None, ())


def test_who_asks_twice_gets_one_agent() -> None:
    assert at_hand("once-1", LINUX, MINE) == MINE["a"]
    assert at_hand("once-2", LINUX, MINE) is None
    assert at_hand("", LINUX, {"a": record("a")}) is None
    assert at_hand("once-1", LINUX, {"a": replace(MINE["a"], phase=Phase.BUSY)}) is None


def test_a_label_is_not_of_agents_of_two_templates_at_once() -> None:
    label = "release-7"
    waits = record("g", "gpu", unique_label=label)
    with pytest.raises(CiprovError, match="the label of agent g of template gpu, which has no build yet") as refused:
        at_hand(label, LINUX, {"g": waits})
    assert "request gpu" in refused.value.way_out
    assert at_hand(label, GPU, {"g": waits}) == waits
    assert at_hand(label, LINUX, {"g": replace(waits, phase=Phase.BUSY)}) is None
