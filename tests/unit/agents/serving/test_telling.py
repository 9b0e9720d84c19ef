"""What is told besides the ways of agents."""

from __future__ import annotations

import pytest
from agent_snapshots import record

from ciprov.agents.queue.demand import Demand, NoNeed, Spare
from ciprov.agents.record import Phase
from ciprov.agents.serving.telling import mislabelled, moved_on
from ciprov.domain.jenkins import QueueItem, Stage

WRONG = NoNeed(7, Spare.LABEL_WRONG, "label expression 'a &&': a label is expected at column 5")
OTHER = NoNeed(8, Spare.NO_TEMPLATE, "no template has the label")


def test_an_item_whose_label_cannot_be_understood_is_told_once() -> None:
    items = (QueueItem(7, stage=Stage.BUILDABLE, why="", task_name="build-it"),)
    told = mislabelled(Demand(), Demand(spared=(WRONG, OTHER)), items)
    assert [one.item for one in told] == [7]
    assert "build-it" in told[0].text
    assert "'a &&'" in told[0].text
    assert not mislabelled(Demand(spared=(WRONG,)), Demand(spared=(WRONG, OTHER)), items)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"item_id": 7, "job": "build-it"}, "for item 7 build-it"),
        ({"unique_label": "release-7"}, "for label release-7, as requested"),
        ({}, "to be ready"),
    ],
)
def test_what_an_agent_is_wanted_for(more: dict[str, object], told: str) -> None:
    (wanted,) = moved_on(None, record("a", phase=Phase.WANTED, **more), None)
    assert wanted.text == f"agent a: wanted, {told}"
