"""RecordIO, and the state documents of Mesos agents (shapes as a Mesos 1.11 gives them)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciprov.clients.mesos_state import TaskPlace, agent_url, frameworks, task_place
from ciprov.clients.recordio import records
from ciprov.domain.mesos_frameworks import MasterFramework

STATE = {
    "frameworks": [
        {
            "id": "f1",
            "executors": [
                {
                    "id": "web.1",
                    "directory": "/var/lib/mesos/runs/a",
                    "container": "c-a",
                    "tasks": [{"id": "web.1"}],
                    "completed_tasks": [],
                },
                {
                    "id": "default",
                    "type": "DEFAULT",
                    "directory": "/var/lib/mesos/runs/d",
                    "container": "c-d",
                    "tasks": [{"id": "pod.1"}],
                },
            ],
            "completed_executors": [
                {
                    "id": "old.1",
                    "directory": "/var/lib/mesos/runs/o1",
                    "container": "c-o1",
                    "completed_tasks": [{"id": "old.1"}],
                },
                {
                    "id": "old.1",
                    "directory": "/var/lib/mesos/runs/o2",
                    "container": "c-o2",
                    "completed_tasks": [{"id": "old.1"}],
                },
            ],
        }
    ],
    "completed_frameworks": [
        {
            "id": "f0",
            "completed_executors": [{"id": "gone.1", "directory": "/var/lib/mesos/runs/g", "container": "c-g"}],
        }
    ],
}


@pytest.mark.parametrize(
    ("task", "place"),
    [
        ("web.1", TaskPlace("/var/lib/mesos/runs/a", "c-a")),
        ("pod.1", TaskPlace("/var/lib/mesos/runs/d/tasks/pod.1", "c-d")),
        ("old.1", TaskPlace("/var/lib/mesos/runs/o2", "c-o2")),
        ("gone.1", TaskPlace("/var/lib/mesos/runs/g", "c-g")),
        ("none", None),
    ],
)
def test_the_place_of_a_task(task: str, place: TaskPlace | None) -> None:
    assert task_place(STATE, task) == place


@pytest.mark.parametrize("state", [{}, {"frameworks": None}, {"frameworks": [{"executors": [None, {}]}]}])
def test_a_state_that_tells_nothing(state: dict) -> None:
    assert task_place(state, "web.1") is None


def test_the_address_of_an_agent() -> None:
    assert agent_url("slave(1)@10.0.0.1:5051", "http") == "http://10.0.0.1:5051/slave(1)"
    for pid in ("", "slave(1)", "slave(1)@host", "@h:1"):
        with pytest.raises(ValueError, match="no address"):
            agent_url(pid, "http")


@given(st.lists(st.binary(max_size=30), max_size=6), st.lists(st.integers(0, 200), max_size=6))
def test_records_come_out_as_they_went_in_however_they_are_cut(sent: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(b"%d\n%b" % (len(record), record) for record in sent)
    edges = sorted({0, *(cut for cut in cuts if cut < len(stream)), len(stream)})
    got, unread = [], b""
    for start, end in zip(edges, [*edges[1:], len(stream)], strict=True):
        found, unread = records(unread + stream[start:end])
        got += found
    assert got == sent
    assert unread == b""


@pytest.mark.parametrize("junk", [b"<html>\n", b"<html", b"-1\nx", b"9" * 30])
def test_what_is_no_recordio_is_refused(junk: bytes) -> None:
    with pytest.raises(ValueError, match="no RecordIO"):
        records(junk)


def test_frameworks_that_a_master_keeps():
    tasks = [{"id": f"t-{state}", "state": f"TASK_{state}"} for state in ("RUNNING", "STAGING", "FINISHED", "LOST")]
    away = {"id": "F-1", "name": "ci", "connected": False, "failover_timeout": 60.0}
    here = {"id": "F-2", "name": "ci", "connected": True, "hostname": "h"}
    lost = [{"id": "u", "state": "TASK_UNREACHABLE"}]
    state = {"frameworks": [{**away, "tasks": tasks, "unreachable_tasks": lost}, here], "completed_frameworks": [away]}
    assert frameworks(state) == [
        MasterFramework("F-1", "ci", False, ("t-RUNNING", "t-STAGING", "u"), "", 60.0),
        MasterFramework("F-2", "ci", True, hostname="h"),
    ]


@pytest.mark.parametrize("state", [{}, {"frameworks": None}, {"frameworks": [1]}])
def test_where_none_are_told_there_are_none(state):
    assert frameworks(state) == []


def test_a_framework_that_is_told_oddly_does_no_harm():
    odd = {"id": None, "connected": "yes", "tasks": [None, {}], "failover_timeout": "long"}
    assert frameworks({"frameworks": [odd]}) == [MasterFramework("", "", False, ("None",))]
