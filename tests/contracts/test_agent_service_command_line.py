"""`ciprov agents …` against a listener on a real socket, with a service made by hand behind it."""

import io
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from agent_snapshots import BUSY_DAY, EMPTY, NOW, REFUSAL, HandControl
from agents_operator import Run
from click import Context

from ciprov.agents.template_digest import Difference
from ciprov.agents.view.control import Reloaded
from ciprov.agents.view.snapshot import Pause
from ciprov.cli.agents import agents
from ciprov.web.agents.listeners import Where, serve
from ciprov.wiring.agents_metrics import Metrics


@pytest.fixture
def run(silent: Run, here: Path, control: HandControl) -> Iterator[Run]:
    listeners = serve(control, Where(here / "agents" / "local.sock"), Metrics())
    yield silent
    listeners.stop()


def test_without_a_service_one_sentence_says_how_to_start_one(silent, here):
    for command in (["status"], ["why", "linux"], ["drain", "--all"], ["metrics"], ["kill", "x"], ["logs", "x"]):
        done = silent(*command)
        assert (done.code, done.out) == (1, "")
        assert done.err == (
            f"error: {here}/agents/local.sock: no agent service of this cluster runs on this machine: nobody listens "
            "on its socket\n  start one with `ciprov --local agents serve`, or ask where it runs, with its state "
            "directory\n"
        )


def test_a_state_directory_that_is_a_file_has_no_service(silent, here):
    here.write_text("")
    told = silent("status")
    assert told.code == 1
    assert "agents/local.sock: no agent service of this cluster runs on this machine" in told.err


def test_every_command_is_documented():
    document = (Path(__file__).resolve().parents[2] / "docs" / "agents-operating.md").read_text()
    missing = [
        name for name in agents.list_commands(Context(agents)) if not re.search(rf"`[^`]*\b{name}\b[^`]*`", document)
    ]
    assert missing == []


def test_the_socket_of_a_dead_service_is_as_none(silent, here):
    (here / "agents").mkdir(parents=True)
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(here / "agents" / "local.sock"))
    left.close()
    assert "no agent service of this cluster runs" in silent("status").err


class TestBrokenSettings:
    @pytest.fixture(autouse=True)
    def broken(self, here: Path) -> Path:
        file = here.parent / "ciprov" / "config.yaml"
        file.parent.mkdir()
        file.write_text("clusters: [")
        return file

    def test_a_service_that_runs_is_asked_all_the_same(self, run, control, broken):
        for command in (
            ["status"],
            ["status", "linux-1"],
            ["why", "linux"],
            ["drain", "gpu"],
            ["kill", "linux-1", "-y"],
        ):
            done = run(*command)
            assert done.code == 0
            assert done.err.startswith(f"warning: {broken}:1:12: no valid YAML")
            assert "\n  going on without the settings file\n" in done.err
        assert [order for order, *_ in control.asked] == ["drain", "kill"]

    def test_that_of_a_cluster_that_is_named_too(self, silent, here, control, broken, monkeypatch):
        listeners = serve(control, Where(here / "agents" / "ci.sock"))
        assert silent("drain", "gpu", cluster="--cluster=ci").code == 0
        monkeypatch.setenv("CIPROV_CLUSTER", "ci")
        assert silent("status", cluster="").out.startswith("service ciprov of cluster ci,")
        broken.unlink()
        assert silent("status", cluster="").code == 0
        listeners.stop()

    def test_where_nobody_says_which_the_way_out_does(self, run, broken):
        done = run("status", cluster="")
        assert done.code == 1
        assert done.err.startswith(f"error: {broken}:1:12: no valid YAML")
        assert done.err.endswith("A service that runs is reached without the file by --cluster NAME, or by --local.\n")

    def test_without_a_service_it_is_an_error(self, silent, broken):
        done = silent("status")
        assert (done.code, done.err.startswith(f"error: {broken}:1:12: no valid YAML")) == (1, True)


class TestStatus:
    def test_for_people(self, run):
        done = run("status")
        assert done.code == 0
        for told in (
            "service ciprov of cluster local, framework F-1",
            "jenkins  ci (http://jenkins.example:8080/ci) up since 2026-03-01 11:00:00 UTC, version 2.462.3",
            "queue    items 2, wanted 1, served 1",
            "queue to ACCEPT   2       2.00 s  2.00 s",
            "second builds 0, surplus 0, failures 1 task_failed",
            "its task failed before it connected: no such image",
        ):
            assert told in done.out
        assert [line.split()[:3] for line in done.out.splitlines() if line.startswith("linux-")] == [
            ["linux-1", "linux", "busy"],
            ["linux-2", "linux", "connecting"],
        ]

    def test_for_programs(self, run):
        shown = json.loads(run("status", "-o", "json").out)
        assert (shown["schema"], shown["queue"]["wanted"], len(shown["agents"])) == (1, 1, 2)
        assert "CIPROV_AGENTS_WANTED=1\n" in run("status", "-o", "dotenv").out

    def test_of_a_service_with_nothing_to_do(self, run, control):
        control.shown = EMPTY
        assert "queue    items 0, wanted 0" in run("status").out

    def test_of_one_agent(self, run):
        told = run("status", "arm-0").out
        assert told.startswith("agent arm-0 of template arm: removed for ")
        assert "log in Jenkins" not in told
        assert "sandbox" not in told
        assert "why it ended: its task failed before it connected: no such image" in told
        assert json.loads(run("status", "linux-1", "-o", "json").out)["job"] == "folder/app"

    @pytest.mark.parametrize("name", ["linux/9", "../linux-1", "a?b", "a b", "ä"])
    def test_a_name_that_no_agent_can_have_is_one_that_there_is_not(self, run, name):
        for command in (["status", name], ["logs", name], ["kill", name, "--yes"]):
            done = run(*command)
            assert (done.code, done.err.startswith(f"error: there is no agent {name}, nor was there lately")) == (
                64,
                True,
            )

    def test_of_an_agent_that_there_is_not(self, run):
        done = run("status", "linux-11")
        assert (done.code, done.out) == (64, "")
        assert "there is no agent linux-11, nor was there lately" in done.err

    def test_credentials_in_an_address_are_not_shown(self, run, control):
        control.shown = replace(BUSY_DAY, mesos=replace(BUSY_DAY.mesos, target="zk://me:hidden@zk1,zk2/mesos"))
        told = run("status").out + run("status", "-o", "json").out
        assert "hidden" not in told
        assert "zk://zk1,zk2/mesos" in told

    def test_watched_it_gives_a_line_for_each_look(self, run, here):
        command = [
            sys.executable,
            "-m",
            "ciprov",
            "--local",
            "agents",
            "status",
            "--watch",
            "--every",
            "0.2",
            "-o",
            "json",
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
            assert watching.stdout is not None
            looks = [json.loads(watching.stdout.readline()) for _ in range(3)]
            watching.terminate()
            assert watching.wait(10) == 130
        assert [look["service"] for look in looks] == ["ciprov"] * 3

    def test_watched_it_cannot_be_yaml(self, run):
        assert run("status", "--watch", "-o", "yaml").code == 64


class TestWhy:
    def test_the_first_line_is_the_answer(self, run):
        done = run("why", "linux")
        assert done.out.splitlines()[0] == (
            "2 items wait for 'linux', and each has an agent of template linux or gets one."
        )
        assert "*  linux     2       linux small" in done.out
        assert "11    job-11" in done.out
        assert "static   idle   not ours" in done.out
        assert json.loads(run("why", "linux", "-o", "json").out)["expression"] == "linux"

    def test_what_is_no_label_is_told_with_its_column(self, run):
        done = run("why", "linux &&")
        assert (done.code, done.out) == (64, "")
        assert "at column 9" in done.err


class TestSteering:
    def test_templates_are_drained_and_undrained_and_tried_again(self, run, control):
        assert run("drain", "gpu", "arm").out == "drained: gpu, arm\n"
        assert run("drain", "--all").out == "drained: arm, gpu, linux\n"
        control.shown = replace(BUSY_DAY, drained=frozenset({"gpu"}))
        assert run("undrain", "gpu").out == "drained no more: gpu\n"
        assert run("resume", "--all").out == "nothing to do\n"
        assert json.loads(run("reload", "-o", "json").out)["templates"] == ["linux", "gpu", "arm"]
        assert control.asked == [
            ("drain", "gpu", "arm"),
            ("drain", "arm", "gpu", "linux"),
            ("undrain", "gpu"),
            ("resume",),
            ("reload",),
        ]

    def test_one_that_is_named_twice_counts_once(self, run, control):
        assert run("drain", "gpu", "gpu").out == "drained: gpu\n"
        assert json.loads(run("drain", "gpu", "gpu", "-o", "json").out)["templates"] == ["gpu"]

    def test_what_was_so_before_is_told(self, run, control):
        control.shown = replace(
            BUSY_DAY,
            drained=frozenset({"gpu"}),
            pauses=(Pause("arm", "its task failed", "", 3, NOW, final=True),),
        )
        assert run("drain", "gpu", "arm").out == "drained: arm\ngpu was drained already\n"
        assert run("undrain", "arm").out == "arm was not drained\n"
        assert run("resume", "arm", "gpu").out == "tried again: arm\ngpu was not paused\n"
        done = run("resume", "gpu", "-o", "json")
        assert done.code == 0
        assert json.loads(done.out) == {"schema": 1, "templates": ["gpu"], "changed": []}

    def test_a_reload_tells_what_differs(self, run, control):
        assert run("reload").out == "read again: nothing differs from what holds already\n"
        control.reloaded = Reloaded(Difference(changed=("gpu",)), ("agents.listen",))
        assert run("reload").out == "read again: changed gpu; from the next start only: agents.listen\n"
        shown = json.loads(run("reload", "-o", "json").out)
        assert (shown["difference"]["changed"], shown["at_next_start"]) == (["gpu"], ["agents.listen"])

    @pytest.mark.parametrize("arguments", [["drain"], ["drain", "gpu", "--all"], ["resume"], ["undrain"]])
    def test_all_is_said_or_some_are_named(self, run, control, arguments):
        assert run(*arguments).code == 64
        assert control.asked == []

    def test_an_agent_is_asked_for(self, run, control):
        assert run("request", "gpu", "-o", "dotenv").out == (
            "CIPROV_AGENT=gpu-9\nCIPROV_AGENT_LABEL=once-1\nCIPROV_AGENT_TEMPLATE=gpu\n"
        )
        assert "ask for it by label mine" in run("request", "gpu", "--label", "mine").out
        done = run("request", "cpu")
        assert (done.code, done.err) == (64, "error: there is no template cpu\n  there are: linux, gpu, arm\n")

    def test_what_the_service_refuses_is_passed_on(self, run, control):
        control.failure = REFUSAL
        done = run("reload")
        assert (done.code, done.err) == (1, "error: zk://here: the store is away\n  bring it back\n")

    def test_a_fault_of_the_service_is_no_traceback(self, run, control):
        control.failure = RuntimeError("oh")
        assert "the service has a fault" in run("reload").err


class TestKill:
    def test_a_dry_run_kills_none(self, run, control):
        done = run("kill", "linux-1", "--dry-run")
        assert done.code == 2
        assert "linux-1  linux" in done.out
        assert control.asked == []

    def test_nobody_to_agree_kills_none(self, run, control, monkeypatch):
        monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
        assert run("kill", "linux-1").code == 64
        assert control.asked == []

    def test_it_kills_whom_it_named(self, run, control):
        assert run("kill", "linux-1", "linux-2", "linux-1", "--yes").out == "killed: linux-1, linux-2\n"
        assert control.asked == [("kill", "linux-1", "linux-2")]

    def test_a_wrong_name_kills_none(self, run, control):
        done = run("kill", "linux-1", "linux-22", "--yes")
        assert (done.code, control.asked) == (64, [])
        assert "there is no agent linux-22, nor was there lately; nothing was done\n" in done.err
        assert "Did you mean" not in done.err

    def test_what_is_gone_already_is_told_and_fine(self, run, control):
        for arguments in (["--yes"], ["--dry-run"], []):
            done = run("kill", "linux-0", "arm-0", *arguments)
            assert (done.code, control.asked) == (0, [])
            assert done.out == (
                "agent linux-0 is gone already: its build is over\n"
                "agent arm-0 is gone already: its task failed before it connected: no such image\n"
            )
        assert run("kill", "linux-0", "linux-1", "--dry-run").code == 2
        done = run("kill", "linux-0", "linux-1", "--yes")
        assert (done.code, control.asked) == (0, [("kill", "linux-1")])
        assert done.out == "killed: linux-1\nagent linux-0 is gone already: its build is over\n"
        assert [one["agent"] for one in json.loads(run("kill", "linux-0", "-o", "json").out)["gone"]] == ["linux-0"]


def test_metrics_are_printed_as_they_are(run):
    assert "# TYPE ciprov_agents_peer_up gauge\n" in run("metrics").out
