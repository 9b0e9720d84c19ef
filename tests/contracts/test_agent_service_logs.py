"""`ciprov agents logs` against a service and a Mesos master made by hand."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from agent_snapshots import EMPTY, NOW, HandControl, record, went
from mesos_http import SANDBOX, Mesos

from ciprov.agents.record import Cause, Phase
from ciprov.web.agents.listeners import Where, serve


class TestLogs:
    @pytest.fixture
    def mesos(self, here: Path, control: HandControl, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mesos]:
        """A cluster whose master has the task of agent `t`."""
        server = Mesos()
        server.files[f"{SANDBOX}/stderr"] = b"INFO: Connected\nINFO: second\n"
        server.files[f"{SANDBOX}/stdout"] = b"hello\n"
        threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setenv("CIPROV_MARATHON", "http://ci.example:1")
        monkeypatch.setenv("CIPROV_MESOS", f"http://{server.address}")
        running = record("t", phase=Phase.BUSY, mesos_agent="S0")
        agents = {"t": running, "new": record("new", phase=Phase.WANTED)}
        control.shown = replace(EMPTY, agents=agents, recent=(went("t0", Cause.DONE, mesos_agent="S9"),))
        listeners = serve(control, Where(here / "agents" / "ci.example:1.sock"))
        yield server
        listeners.stop()
        server.http.shutdown()
        server.http.server_close()

    def test_what_the_agent_wrote(self, silent, mesos):
        assert silent("logs", "t", cluster="").out == "INFO: Connected\nINFO: second\n"
        assert silent("logs", "t", "-n", "1", cluster="").out == "INFO: second\n"
        assert silent("logs", "t", "--stdout", cluster="").out == "hello\n"
        assert json.loads(silent("logs", "t", "-o", "json", cluster="").out) == {
            "schema": 1,
            "agent": "t",
            "file": "stderr",
            "text": "INFO: Connected\nINFO: second\n",
        }

    def test_it_is_followed_until_the_agent_is_gone(self, silent, mesos, control, here):
        def go_on() -> None:
            mesos.files[f"{SANDBOX}/stderr"] += b"INFO: last\n"
            control.shown = replace(EMPTY, recent=(went("t", Cause.DONE, mesos_agent="S0"),))

        threading.Timer(0.5, go_on).start()
        assert silent("logs", "t", "--follow", cluster="").out == "INFO: Connected\nINFO: second\nINFO: last\n"

    def test_what_cannot_be_read_is_told(self, silent, mesos, monkeypatch):
        told = silent("logs", "t0", cluster="").err
        assert "stderr of agent t0 cannot be read: its host keeps it no more or does not tell; what became" in told
        assert told.endswith(": its build is over\n")
        monkeypatch.delenv("CIPROV_MESOS")
        assert "stderr of agent t0 cannot be read: no Mesos address is known" in silent("logs", "t0", cluster="").err

    def test_of_one_that_has_no_task_it_is_told_why(self, silent, mesos, control):
        done = silent("logs", "new", cluster="")
        assert (done.code, done.err.splitlines()[0]) == (1, "error: agent new has no task yet: it is wanted")
        never = went("t1", Cause.TOO_LARGE, mesos_agent="", host="", times={}, detail="it wants 99 cpus")
        control.shown = replace(EMPTY, recent=(never,))
        for arguments in ([], ["--follow"]):
            done = silent("logs", "t1", *arguments, cluster="")
            assert (done.code, done.out) == (1, "")
            assert done.err == "error: agent t1 never had a task: no Mesos agent can take it: it wants 99 cpus\n"

    @pytest.mark.parametrize("there", [None, b""])
    @pytest.mark.parametrize("arguments", [[], ["--follow"]])
    def test_of_one_whose_container_never_ran_it_is_told_what_became_of_it(
        self, silent, mesos, control, arguments, there
    ):
        del mesos.files[f"{SANDBOX}/stderr"]
        if there is not None:
            mesos.files[f"{SANDBOX}/stderr"] = there
        times = {phase.value: NOW for phase in (Phase.LAUNCHED, Phase.ENDED)}
        failed = went("t", Cause.TASK_FAILED, mesos_agent="S0", times=times, detail="no such image")
        control.shown = replace(EMPTY, recent=(failed,))
        done = silent("logs", "t", *arguments, cluster="")
        assert (done.code, done.out) == (1, "")
        assert done.err == ("error: agent t wrote nothing: its task failed before it connected: no such image\n")
