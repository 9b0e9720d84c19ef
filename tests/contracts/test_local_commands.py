"""Commands on this machine with real processes: their status, their output, and that nothing of them is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from ciprov.clients.here import ThisMachine
from ciprov.environments.hooks.one_off import WRAPPER
from ciprov.environments.ports import Here

HERE: Here = ThisMachine()


def run(text: str, directory: Path, variables: dict[str, str] | None = None) -> tuple[int | None, list[str]]:
    lines: list[str] = []
    with HERE.command(text, str(directory), variables or {}, lines.append) as command:
        status = command.wait(20)
    return status, lines


def left_in(directory: Path) -> list[psutil.Process]:
    """Living processes that work in `directory`."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(directory):
                found.append(process)
        except psutil.Error:
            continue
    return found


@contextmanager
def nothing_left_in(directory: Path) -> Iterator[None]:
    yield
    end = time.monotonic() + 10
    while left := left_in(directory):
        assert time.monotonic() < end, left
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("text", "status"), [("true", 0), ("exit 3", 3), ("kill -9 $$", 137), ("no-such-command-here", 127)]
)
def test_the_status_is_that_of_a_shell(tmp_path, text, status):
    assert run(text, tmp_path)[0] == status


def test_it_runs_in_its_directory_with_its_variables_and_those_of_this_process(tmp_path, monkeypatch):
    monkeypatch.setenv("FROM_OUTSIDE", "outer")
    status, lines = run(
        'pwd; echo "$OWN $FROM_OUTSIDE"; read -r x || echo no input; echo late >&2', tmp_path, {"OWN": "a b"}
    )
    assert (status, lines) == (0, [str(tmp_path), "a b outer", "no input", "late"])


def test_whatever_it_writes_is_told(tmp_path):
    status, lines = run(r"printf 'a\377b\n\nno end'", tmp_path)
    assert (status, lines) == (0, ["a\ufffdb", "", "no end"])
    _, many = run("i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done", tmp_path)
    assert many == [str(number) for number in range(20000)]


def test_a_directory_that_is_not_there_is_told(tmp_path):
    status, lines = run("true", tmp_path / "nowhere")
    assert status == 127
    assert "nowhere" in lines[0]


@pytest.mark.parametrize("stubborn", ["", "trap '' TERM INT HUP;"])
def test_leaving_it_ends_it_and_all_its_children(tmp_path, stubborn):
    with nothing_left_in(tmp_path):
        with HERE.command(
            f"{stubborn} sleep 1000 & (sleep 1000; true) & sleep 1000", str(tmp_path), {}, print
        ) as command:
            assert command.wait(0.3) is None
            assert left_in(tmp_path)
        started = time.monotonic()
    assert time.monotonic() - started < 5


def test_what_it_leaves_in_the_background_is_ended_with_it(tmp_path):
    with nothing_left_in(tmp_path):
        assert run("sleep 1000 & echo gone", tmp_path) == (0, ["gone"])


def test_an_interruption_ends_it(tmp_path):
    def interrupted() -> None:
        with HERE.command("sleep 1000", str(tmp_path), {}, print) as command:
            command.wait(0.2)
            raise KeyboardInterrupt

    with nothing_left_in(tmp_path), pytest.raises(KeyboardInterrupt):
        interrupted()


def test_it_does_not_outlive_a_process_that_is_killed(tmp_path):
    program = (
        "from ciprov.clients.here import ThisMachine\n"
        f"with ThisMachine().command('echo runs; sleep 1000 & sleep 1000', {str(tmp_path)!r}, {{}}, print) as c:\n"
        "    c.wait(1000)\n"
    )
    with nothing_left_in(tmp_path):
        parent = subprocess.Popen([sys.executable, "-uc", program], stdout=subprocess.PIPE, text=True)
        assert parent.stdout is not None
        assert parent.stdout.readline() == "runs\n"
        parent.send_signal(signal.SIGKILL)
        parent.communicate(timeout=10)


# ── the wrapper of a command on the cluster, which any agent's shell has to understand ──


def wrapped(command: str, sandbox: Path) -> subprocess.Popen[bytes]:
    environment = {"PATH": os.environ["PATH"], "MESOS_SANDBOX": str(sandbox), "CIPROV_HOOK_COMMAND": command}
    return subprocess.Popen(["/bin/sh", "-c", WRAPPER], env=environment, cwd=sandbox, start_new_session=True)


@pytest.mark.parametrize(("command", "status"), [("exit 3", 3), ("kill -9 $$", 137), ('echo "it\'s"; false', 1)])
def test_the_wrapper_ends_with_the_status_of_what_failed(tmp_path, command, status):
    assert wrapped(command, tmp_path).wait(10) == status
    assert not (tmp_path / ".ciprov-hook-done").exists()


def test_the_wrapper_leaves_its_mark_and_stays_until_it_is_ended(tmp_path):
    process = wrapped("sleep 0.2; touch did", tmp_path)
    end = time.monotonic() + 10
    while not (tmp_path / ".ciprov-hook-done").exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    assert (tmp_path / "did").exists()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    process.terminate()
    assert process.wait(5) == 143
    os.killpg(process.pid, signal.SIGKILL)
