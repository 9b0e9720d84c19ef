from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ciprov.agents.leftovers.sweeping import APART, RECONNECT, Sweep, sweep
from ciprov.domain.jenkins import Build, Node, NodeMark

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
OURS = NodeMark("ci", "linux")
IDLE = Node("ci-linux-1", mark=OURS)
OFFLINE = replace(IDLE, offline=True)
STARTING = replace(IDLE, idle=False)
BUSY = replace(STARTING, builds=(Build("http://j/job/a/1/", 1),))
USER = "hudson.slaves.OfflineCause$UserCause"
BROKEN = "hudson.slaves.OfflineCause$ChannelTermination"


def fenced(node):
    return replace(node, fenced=True, offline=True, offline_class=USER)


def looks(*steps, records=(), anchors=()):
    """Sweeps one after the other, each of `(seconds since noon, node or None)`; the last one's."""
    result = Sweep()
    for seconds, node in steps:
        seen = () if node is None else (node,)
        result = sweep(seen, records, "ci", anchors, result.seen, NOON + timedelta(seconds=seconds))
    return result


@pytest.mark.parametrize(
    ("node", "act"),
    [
        (IDLE, "fence"),
        (OFFLINE, "fence"),
        (STARTING, "waiting"),
        (BUSY, "fence"),
        (fenced(IDLE), "delete"),
        (fenced(BUSY), "waiting"),
    ],
)
def test_a_leftover_is_fenced_and_deleted_once_it_is_seen_fenced_and_idle(node, act):
    once, twice = looks((0, node)), looks((0, node), (2, node))
    assert once.waiting == ("ci-linux-1",)
    assert {name: getattr(twice, name) for name in ("delete", "fence", "waiting")} == {
        "delete": (),
        "fence": (),
        "waiting": (),
        act: ("ci-linux-1",),
    }


def test_two_looks_have_to_be_some_time_apart_and_the_same_one_is_no_second():
    assert looks((0, fenced(IDLE)), (0, fenced(IDLE)), (1.9, fenced(IDLE))).waiting
    assert looks((0, fenced(IDLE)), (1.9, fenced(IDLE)), (2, fenced(IDLE))).delete


def test_whoever_was_away_in_between_is_seen_anew():
    assert looks((0, fenced(IDLE)), (1, None), (3, fenced(IDLE))).waiting
    assert not looks((0, fenced(IDLE)), (5, None)).seen


def test_a_clock_that_was_set_back_begins_anew():
    assert looks((100, fenced(IDLE)), (50, fenced(IDLE))).waiting
    assert looks((100, fenced(IDLE)), (50, fenced(IDLE)), (53, fenced(IDLE))).delete


@pytest.mark.parametrize("node", [IDLE, OFFLINE, fenced(IDLE), BUSY])
@pytest.mark.parametrize("mark", [None, NodeMark("nightly"), NodeMark("CI"), NodeMark("")])
def test_nodes_of_people_and_of_other_services_are_never_touched(node, mark):
    result = looks((0, replace(node, mark=mark)), (60, replace(node, mark=mark)), (3600, replace(node, mark=mark)))
    assert result == Sweep()


@pytest.mark.parametrize("kept", [{"records": ("ci-linux-1",)}, {"anchors": ("ci-linux-1",)}])
def test_agents_with_a_record_and_anchors_stay(kept):
    assert looks((0, fenced(IDLE)), (3600, fenced(IDLE)), **kept) == Sweep()


def test_the_built_in_node_stays_whatever_its_description_says():
    built_in = replace(fenced(IDLE), built_in=True)
    assert looks((0, built_in), (60, built_in)) == Sweep()


def test_a_record_that_went_makes_its_node_a_leftover_from_then_on():
    first = sweep([fenced(IDLE)], ["ci-linux-1"], "ci", (), {}, NOON)
    second = sweep([fenced(IDLE)], [], "ci", (), first.seen, NOON + timedelta(hours=1))
    third = sweep([fenced(IDLE)], [], "ci", (), second.seen, NOON + timedelta(hours=1) + APART)
    assert (second.waiting, third.delete) == (("ci-linux-1",), ("ci-linux-1",))


@pytest.mark.parametrize(
    ("mark", "why"), [(None, "bears no mark"), (NodeMark("nightly"), "one of the service nightly")]
)
def test_a_record_whose_node_is_somebody_elses_is_told(mark, why):
    result = looks((0, replace(IDLE, mark=mark)), (60, replace(IDLE, mark=mark)), records=("ci-linux-1",))
    assert why in result.foreign["ci-linux-1"]
    assert (result.delete, result.fence, result.waiting) == ((), (), ())


@pytest.mark.parametrize("node", [replace(BUSY, offline=True), replace(fenced(BUSY), offline_class=BROKEN)])
def test_a_build_whose_agent_lost_its_connection_is_given_up_after_a_while(node):
    patience = RECONNECT.total_seconds()
    assert looks((0, node), (patience - 1, node)).waiting
    assert looks((0, node), (patience, node)).delete
    back = fenced(BUSY) if node.fenced else BUSY
    assert not looks((0, node), (patience - 1, back), (patience, node)).delete
    assert not looks((0, BUSY), (patience, node), (2 * patience - 1, node)).delete
    assert looks((0, BUSY), (patience, node), (2 * patience, node)).delete


def test_what_is_to_be_done_is_in_order():
    nodes = [replace(fenced(IDLE), name=name) for name in ("c", "a", "b")]
    first = sweep(nodes, (), "ci", (), {}, NOON)
    assert sweep(nodes, (), "ci", (), first.seen, NOON + APART).delete == ("a", "b", "c")
