"""SAFETY: nothing but fenced, idle leftovers is deleted. LIVENESS: all leftovers go once their builds are over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ciprov.agents.leftovers.sweeping import RECONNECT, sweep
from ciprov.domain.jenkins import Node, NodeMark

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
NAMES = [f"n{number}" for number in range(8)]
BROKEN = "hudson.slaves.OfflineCause$ChannelTermination"

nodes = st.builds(
    Node,
    name=st.sampled_from(NAMES),
    offline=st.booleans(),
    fenced=st.booleans(),
    idle=st.booleans(),
    built_in=st.booleans(),
    offline_class=st.sampled_from(["", BROKEN]),
    mark=st.sampled_from([None, NodeMark("ci"), NodeMark("ci", "linux"), NodeMark("nightly")]),
).map(lambda node: replace(node, offline=node.offline or node.fenced))
worlds = st.lists(nodes, unique_by=lambda node: node.name)
names = st.frozensets(st.sampled_from(NAMES))


@dataclass
class Jenkins:
    """Does what it is told, and what happens by itself: builds begin and end, agents come and go, people meddle."""

    nodes: dict[str, Node]

    def happen(self, name: str, what: str) -> None:
        node = self.nodes.get(name)
        if node is None:
            return
        if what == "build" and not node.offline and node.idle:
            node = replace(node, idle=False)
        elif what == "end":
            node = replace(node, idle=True)
        elif what == "connect" and not node.fenced:
            node = replace(node, offline=False, offline_class="")
        elif what == "disconnect":
            node = replace(node, offline=True, offline_class=BROKEN)
        elif what == "online":
            node = replace(node, fenced=False, offline=False, offline_class="")
        self.nodes[name] = node

    def fence(self, name: str) -> None:
        self.nodes[name] = replace(self.nodes[name], fenced=True, offline=True)


happenings = st.tuples(st.sampled_from(NAMES), st.sampled_from(["build", "end", "connect", "disconnect", "online"]))
turns = st.lists(st.tuples(st.integers(0, 400), st.lists(happenings, max_size=4)), max_size=12)


@given(worlds, names, names, turns)
def test_only_leftovers_are_touched_and_only_what_is_surely_without_a_build_is_deleted(world, records, anchors, turns):
    jenkins, seen, now = Jenkins({node.name: node for node in world}), {}, NOON
    for seconds, happened in turns:
        now += timedelta(seconds=seconds)
        looked = dict(jenkins.nodes)
        result = sweep(looked.values(), records, "ci", anchors, seen, now)
        for name, what in happened:  # between the look and what is done
            jenkins.happen(name, what)
        touched = [*result.delete, *result.fence]
        assert len(touched) == len(set(touched))
        for name in touched:
            node = looked[name]
            assert node.mark is not None
            assert node.mark.service == "ci"
            assert not node.built_in
            assert name not in records | anchors
            assert name in seen
        for name in result.delete:
            stuck = seen[name].stuck_since
            given_up = stuck is not None and now - stuck >= RECONNECT
            assert (looked[name].fenced and looked[name].idle) or (looked[name].offline and given_up)
            meddled = (name, "online") in happened
            assert jenkins.nodes[name].idle or given_up or meddled, "a build would be lost"
            del jenkins.nodes[name]
        for name in result.fence:
            jenkins.fence(name)
        seen = result.seen


@given(worlds, names, names)
def test_all_leftovers_go_and_nothing_else(world, records, anchors):
    jenkins, seen, now = Jenkins({node.name: node for node in world}), {}, NOON
    for turn in range(8):
        result = sweep(jenkins.nodes.values(), records, "ci", anchors, seen, now)
        for name in result.delete:
            del jenkins.nodes[name]
        for name in result.fence:
            jenkins.fence(name)
        if turn == 2:  # builds that can end do
            for name, node in jenkins.nodes.items():
                if not node.offline or (node.fenced and not node.offline_class):
                    jenkins.happen(name, "end")
        seen, now = result.seen, now + RECONNECT / 2
    left = {
        node.name
        for node in world
        if node.built_in or node.mark is None or node.mark.service != "ci" or node.name in records | anchors
    }
    assert set(jenkins.nodes) == left
    final = sweep(jenkins.nodes.values(), records, "ci", anchors, seen, now)
    assert (final.delete, final.fence, final.waiting, dict(final.seen)) == ((), (), (), {})
