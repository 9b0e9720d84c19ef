from agent_snapshots import RULES

from ciprov.agents.queue.anchors import anchors, was_anchor


def test_an_anchor_is_known_by_its_name():
    assert [was_anchor(anchor.name, "ciprov") for anchor in anchors(RULES)] == [True, True, True]
    assert not was_anchor("other-anchor-e5c123db-1", "ciprov")
    assert not was_anchor("ciprov-anchor-2fnbwvoy", "ciprov")  # an agent of a template called anchor
