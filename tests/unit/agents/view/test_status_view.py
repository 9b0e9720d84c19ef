import json
from dataclasses import replace
from datetime import timedelta

import pytest
from agent_snapshots import BUSY_DAY, EMPTY, NOW, ago, record, went

from ciprov.agents.record import Cause, Phase
from ciprov.agents.view.snapshot import Pause
from ciprov.agents.view.status_view import agent, percentile, status, templates
from ciprov.foundation.errors import UsageError
from ciprov.framework.decisions import Held

LAUNCHED = {Phase.LAUNCHED.value: ago(98)}


def test_it_shows_peers_agents_and_the_queue():
    shown = status(BUSY_DAY, NOW)
    assert (shown["service"], shown["framework_id"], shown["jenkins"]["up"]) == ("ciprov", "F-1", True)
    assert [(one["agent"], one["phase"], one["seconds"], one["host"]) for one in shown["agents"]] == [
        ("linux-1", "busy", 5.0, "host-1"),
        ("linux-2", "connecting", 5.0, "host-2"),
    ]
    assert shown["queue"] == {"items": 2, "wanted": 1, "capped": 0, "spared": {"served": 1}}
    assert shown["counts"] == {"builds": 12, "wanted": 14}
    json.dumps(shown)


def test_an_empty_one_is_shown_too():
    shown = status(EMPTY, NOW)
    assert shown["agents"] == []
    assert shown["times"]["queue_to_accept"] == {"count": 0, "p50": None, "p95": None}


def test_times_are_of_the_agents_that_are_gone_too():
    shown = status(replace(EMPTY, recent=(went("linux-0", Cause.DONE), went("linux-1", Cause.DONE))), NOW)
    assert shown["times"] == {
        "queue_to_accept": {"count": 2, "p50": 2.0, "p95": 2.0},
        "accept_to_online": {"count": 2, "p50": 3.0, "p95": 3.0},
        "online_to_busy": {"count": 2, "p50": 0.5, "p95": 0.5},
    }


def test_a_clock_of_jenkins_that_goes_ahead_gives_no_time_below_nothing():
    early = went("linux-0", Cause.DONE, item_since=NOW)
    assert status(replace(EMPTY, recent=(early,)), NOW)["times"]["queue_to_accept"]["p50"] == 0.0


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([], 50, None),
        ([1.0], 95, 1.0),
        ([4.0, 1.0, 3.0, 2.0], 50, 2.0),
        ([1.0, 2.0, 3.0], 50, 2.0),
        ([float(n) for n in range(1, 101)], 95, 95.0),
    ],
)
def test_percentiles_are_values_that_there_were(values, percent, expected):
    assert percentile(values, percent) == expected


def test_leaks_surplus_and_failures_are_counted_by_cause():
    recent = (
        went("a", Cause.DONE, builds=2, leaks=1),
        went("b", Cause.SURPLUS, builds=0, times=LAUNCHED),
        went("c", Cause.IDLE, builds=0, times=LAUNCHED),
        went("its build was not seen", Cause.IDLE, builds=0),
        went("warm", Cause.IDLE, builds=0, item_id=0, times=LAUNCHED),
        went("never launched", Cause.SURPLUS, builds=0, times={}),
        went("d", Cause.TASK_FAILED, builds=0),
        went("e", Cause.NOT_CONNECTED, builds=0),
        went("f", Cause.TASK_FAILED, builds=0),
    )
    shown = status(replace(EMPTY, recent=recent), NOW)
    assert (shown["leaks"], shown["surplus"]) == (1, 2)
    assert shown["failures"] == {"not_connected": 1, "task_failed": 2}
    assert shown["recent"][1]["why"] == "nothing wants it any more"


def test_templates_tell_what_hinders_them_also_one_that_the_settings_lost():
    pause = Pause("gpu", str(Cause.TASK_FAILED), "no such image", 3, NOW + timedelta(minutes=30), final=True)
    agents = {"old-1": record("old-1", of="old")}
    shown = replace(EMPTY, drained=frozenset({"arm"}), pauses=(pause,), agents=agents)
    found = {one["template"]: one for one in templates(shown, NOW)}
    assert found["arm"]["hindered"] == "drained"
    assert found["gpu"]["hindered"] == (
        "paused until 2026-03-01 12:30:00 UTC: it failed 3 times in a row: its task failed before it "
        "connected (no such image)"
    )
    assert (found["linux"]["hindered"], found["linux"]["most"]) == ("", 50)
    assert (found["old"]["configured"], found["old"]["agents"]) == (False, 1)
    assert [(one["cause"], one["final"]) for one in status(shown, NOW)["pauses"]] == [("task_failed", True)]
    later = NOW + timedelta(hours=1)
    assert {one["template"]: one["hindered"] for one in templates(shown, later)}["gpu"] == ""
    assert status(shown, later)["pauses"] == []


def test_an_agent_is_told_with_its_way_and_where_to_read_more():
    one = record(
        "linux 1",
        phase=Phase.BUSY,
        mesos_agent="S1",
        times={"online": ago(2), "launched": ago(9), "node created": ago(9), "wanted": ago(9)},
    )
    shown = agent(replace(EMPTY, agents={"linux 1": one}), "linux 1", NOW)
    assert list(shown["times"]) == ["wanted", "node created", "launched", "online"]
    assert shown["links"] == {
        "jenkins_log": "http://jenkins.example:8080/ci/computer/linux%201/log",
        "sandbox": "http://mesos.example:5050/#/agents/S1/frameworks/F-1/executors/linux%201",
    }


def test_a_node_that_is_not_there_has_no_log_in_jenkins():
    for phase in (Phase.WANTED, Phase.REMOVED):
        one = record("linux-1", phase=phase, mesos_agent="S1")
        assert agent(replace(EMPTY, agents={"linux-1": one}), "linux-1", NOW)["links"]["jenkins_log"] == ""


def test_one_that_is_gone_is_told_too_and_one_that_never_was_is_not():
    assert agent(BUSY_DAY, "arm-0", NOW)["why"] == "its task failed before it connected"
    with pytest.raises(UsageError, match="there is no agent linx-1") as error:
        agent(BUSY_DAY, "linx-1", NOW)
    assert error.value.way_out == "Did you mean linux-1?"


def test_without_an_address_there_is_no_link():
    lost = replace(BUSY_DAY, mesos=replace(BUSY_DAY.mesos, target="zk://zk:2181/mesos"), framework_id="")
    assert agent(lost, "linux-1", NOW)["links"]["sandbox"] == ""


def test_an_agent_without_a_place_tells_why():
    held = {"linux-2": Held("linux-2", "no offers at hand")}
    found = status(replace(BUSY_DAY, held=held), NOW)["agents"]
    assert [one["held"] for one in found] == ["", "no offers at hand"]
