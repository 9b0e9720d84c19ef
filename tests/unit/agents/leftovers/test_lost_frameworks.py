from __future__ import annotations

from dataclasses import replace

import pytest

from ciprov.agents.leftovers.lost_frameworks import lost_frameworks
from ciprov.domain.mesos_frameworks import MasterFramework

DAY = 86400.0
LOST = MasterFramework("F-1", "ci", False, ("a", "b"), failover_timeout_s=7 * DAY)


def found(*frameworks, own_id="F-2"):
    return lost_frameworks(frameworks, "ci", own_id, "http://master:5050/")


def test_one_of_our_name_that_is_not_ours_is_told_with_its_end_and_the_way_to_end_it():
    (one,) = found(LOST, replace(LOST, id="F-2"), replace(LOST, id="F-3", name="nightly"))
    assert (one.id, one.tasks) == ("F-1", ("a", "b"))
    assert one.text == (
        "an earlier framework ci is away, F-1, with 2 tasks: Mesos ends them once it was away for 7 days"
    )
    assert one.way_out.endswith("curl -X POST http://master:5050/master/teardown -d frameworkId=F-1")


def test_before_it_has_an_id_each_of_its_name_is_another():
    assert [one.id for one in found(replace(LOST, id="F-9"), LOST, own_id="")] == ["F-1", "F-9"]


def test_one_that_is_subscribed_is_another_service_and_not_to_be_ended():
    (one,) = found(replace(LOST, connected=True, hostname="other-host", tasks=("a",)))
    assert one.text == "another framework ci is subscribed from other-host as F-1, with 1 task"
    assert "another name" in one.way_out
    assert "teardown" not in one.way_out


@pytest.mark.parametrize(
    ("seconds", "end"),
    [
        (60.0, "away for 60 s"),
        (2.5 * DAY, "away for 2.5 days"),
        (1e300, "for good"),
        (float("inf"), "for good"),
        (float("nan"), "for good"),
    ],
)
def test_when_it_ends(seconds, end):
    (one,) = found(replace(LOST, failover_timeout_s=seconds))
    assert one.text.endswith(end)
