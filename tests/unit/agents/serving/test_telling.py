"""What is told besides the ways of agents."""

from __future__ import annotations

from ciprov.agents.queue.demand import Demand, NoNeed, Spare
from ciprov.agents.serving.telling import mislabelled
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
