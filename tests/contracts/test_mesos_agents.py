"""The reader of Mesos agents against a loopback stand-in that answers in the form of a Mesos 1.11."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from mesos_http import SANDBOX, Mesos

from ciprov.clients.connection import Connection
from ciprov.clients.mesos_agents import HttpAgents, Unreachable
from ciprov.clients.mesos_exec import ExecFailed


@pytest.fixture
def mesos() -> Iterator[Mesos]:
    server = Mesos()
    threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def agents(mesos: Mesos) -> HttpAgents:
    return HttpAgents(Connection("m", [f"http://{mesos.address}"]))


def test_without_a_master_every_answer_is_none() -> None:
    none = HttpAgents(None)
    assert none.agents() is None
    assert none.unreachable_tasks() is None
    assert none.sandbox_tail("S0", "t", "stdout", 10) is None


def test_a_master_that_does_not_answer_is_none() -> None:
    nobody = HttpAgents(Connection("m", ["http://127.0.0.1:1"]))
    assert nobody.agents() is None
    assert nobody.unreachable_tasks() is None
    assert nobody.sandbox_tail("S0", "t", "stdout", 10) is None


def test_the_agents_of_the_master_also_where_the_first_is_down(mesos: Mesos) -> None:
    both = HttpAgents(Connection("m", ["http://127.0.0.1:1", f"http://{mesos.address}"]))
    assert both.agents() == [mesos.slave]


def test_what_the_master_cannot_reach_of_all_frameworks(mesos: Mesos, agents: HttpAgents) -> None:
    assert agents.unreachable_tasks() == []
    lost = {"id": "e_a.instance-1._app.1", "slave_id": "S7", "state": "TASK_UNREACHABLE"}
    others = {"id": "f", "unreachable_tasks": [{"id": "x", "slave_id": "S7"}]}
    mesos.state = {"frameworks": [{"id": "m", "tasks": [{"id": "t"}], "unreachable_tasks": [lost]}, others]}
    assert agents.unreachable_tasks() == [lost, {"id": "x", "slave_id": "S7"}]


@pytest.mark.parametrize("below_agent", [False, True])
def test_the_tail_of_a_file_wherever_the_agent_serves_files(
    mesos: Mesos, agents: HttpAgents, below_agent: bool
) -> None:
    mesos.files_below_agent = below_agent
    mesos.files[f"{SANDBOX}/stdout"] = b"".join(b"line %d\n" % number for number in range(50_000))
    tail = agents.sandbox_tail("S0", "t", "stdout", 300_000)
    assert tail is not None
    assert len(tail) == 300_000
    assert tail.endswith("line 49998\nline 49999\n")


def test_odd_bytes_neither_break_a_tail_nor_lose_their_place(mesos: Mesos, agents: HttpAgents) -> None:
    mesos.files[f"{SANDBOX}/stdout"] = b"\xff\xfe" * 70_000 + "žluť".encode() + b" end"
    tail = agents.sandbox_tail("S0", "t", "stdout", 1_000_000)
    assert tail is not None
    assert tail == "\ufffd" * 140_000 + "žluť end"


def test_what_cannot_be_read_is_none(mesos: Mesos, agents: HttpAgents) -> None:
    assert agents.sandbox_tail("S0", "t", "stdout", 10) is None
    assert agents.sandbox_tail("S0", "other", "stdout", 10) is None
    assert agents.sandbox_tail("S9", "t", "stdout", 10) is None


def test_following_gives_what_is_added_until_it_is_done(mesos: Mesos, agents: HttpAgents) -> None:
    file = f"{SANDBOX}/stdout"
    mesos.files[file] = b"before\none\n"
    more = [b"two\n", b"three\n"]

    def done() -> bool:
        if more:
            mesos.files[file] += more.pop(0)
        return not more

    assert b"".join(agents.follow("S0", "t", "stdout", lines=1, done=done, pause=0)) == b"one\ntwo\nthree\n"


def test_following_what_is_not_there_is_a_clear_error(agents: HttpAgents) -> None:
    with pytest.raises(Unreachable, match="does not know agent S9"):
        list(agents.follow("S9", "t", "stdout", lines=1, done=lambda: True))


@pytest.mark.parametrize(("status", "code"), [(0, 0), (3 << 8, 3), (9, 137)])
def test_a_command_beside_a_task(mesos: Mesos, agents: HttpAgents, status: int, code: int) -> None:
    mesos.exit_status = status
    with agents.exec("S0", "t", ["ls", "-l"]) as session:
        assert list(session) == [("stdout", b"out \xff"), ("stderr", b"err")]
        assert session.exit_code() == code
    launch, wait = mesos.calls
    assert launch["launch_nested_container_session"]["command"] == {
        "shell": False,
        "value": "ls",
        "arguments": ["ls", "-l"],
    }
    container = launch["launch_nested_container_session"]["container_id"]
    assert container["parent"] == {"value": "c"}
    assert wait["wait_nested_container"]["container_id"] == container


def test_a_command_that_was_ended_from_outside_says_so(mesos: Mesos, agents: HttpAgents) -> None:
    mesos.exit_status = None
    with agents.exec("S0", "t", "sleep 1") as session:
        list(session)
        with pytest.raises(ExecFailed, match="did not end by itself: killed"):
            session.exit_code()
    assert mesos.calls[0]["launch_nested_container_session"]["command"] == {"shell": True, "value": "sleep 1"}
