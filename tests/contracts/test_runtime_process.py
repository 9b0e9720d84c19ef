"""The process runtime with real processes. Every test ends all that it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from runtime_driver import TASK, Driver, drive, is_gone, shell, until

from ciprov.localcluster.model import Condition
from ciprov.localcluster.runtimes import proc, supervisor
from ciprov.localcluster.runtimes.port import LaunchSpec, TaskUpdate
from ciprov.localcluster.runtimes.sandbox import KEEP_PER_APP
from ciprov.localcluster.runtimes.spec import SupervisorSpec, encode


def test_a_command_runs_in_its_sandbox_with_nothing_but_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAEMON_SECRET", "s3cret")

    async def work(driver: Driver) -> None:
        driver.runtime.launch(shell("env; pwd; echo oops >&2", GREETING="hello", PORT0="31000"))
        sandbox = driver.sandboxes.path(TASK)
        assert (await driver.ended(TASK)).condition is Condition.FINISHED
        out = (sandbox / "stdout").read_text()
        names = {line.split("=")[0] for line in out.splitlines() if "=" in line}
        assert names - {"PWD", "SHLVL", "_", "OLDPWD"} <= {
            "PATH", "HOME", "LANG", "USER", "LOGNAME", "TZ", "GREETING", "PORT0", "MESOS_SANDBOX",
        }  # fmt: skip
        assert f"MESOS_SANDBOX={sandbox}" in out
        assert out.splitlines()[-1] == str(sandbox)
        assert (sandbox / "stderr").read_text() == "oops\n"

    drive(tmp_path, work)


@pytest.mark.parametrize(
    ("command", "condition", "message"),
    [
        ("exit 0", Condition.FINISHED, "Command exited with status 0"),
        ("exit 3", Condition.FAILED, "Command exited with status 3"),
        ("kill -9 $$", Condition.FAILED, "Command terminated with signal Killed"),
    ],
)
def test_an_end_is_told_in_mesos_words(tmp_path: Path, command: str, condition: Condition, message: str) -> None:
    async def work(driver: Driver) -> None:
        driver.runtime.launch(shell(command))
        update = await driver.ended(TASK)
        assert (update.condition, update.message) == (condition, message)
        assert driver.conditions(TASK) == [Condition.RUNNING, condition]

    drive(tmp_path, work)


def test_args_run_without_a_shell(tmp_path: Path) -> None:
    async def work(driver: Driver) -> None:
        driver.runtime.launch(LaunchSpec(TASK, None, ("echo", "$HOME", "a b"), {}, (), 1.0))
        await driver.ended(TASK)
        assert (driver.sandboxes.path(TASK) / "stdout").read_text() == "$HOME a b\n"

    drive(tmp_path, work)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (LaunchSpec(TASK, None, ("no-such-program",), {}, (), 1.0), "Command exited with status 127"),
        (LaunchSpec(TASK, "true", (), {"A": "x\0y"}, (), 1.0), "Failed to launch container: the environment variable"),
        (LaunchSpec(TASK, "true", (), {}, (), 1.0, user="no-such-user"), "Failed to launch container: user 'no-such-"),
    ],
)
def test_what_cannot_start_fails_and_says_why(tmp_path: Path, spec: LaunchSpec, message: str) -> None:
    async def work(driver: Driver) -> None:
        driver.runtime.launch(spec)
        update = await driver.ended(TASK)
        assert update.condition is Condition.FAILED
        assert update.message.startswith(message)
        assert not driver.sandboxes.papers(TASK).exists()

    drive(tmp_path, work)


def test_the_environment_is_on_no_command_line_and_in_no_file_but_the_running_task_has_it(tmp_path: Path) -> None:
    async def work(driver: Driver) -> None:
        await driver.running(shell("sleep 60", PASSWORD="hunter2"))
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                assert b"hunter2" not in process.read_bytes()
        for file in tmp_path.rglob("*"):
            if file.is_file():
                assert b"hunter2" not in file.read_bytes()
        for directory in (driver.sandboxes.papers(TASK), driver.sandboxes.path(TASK)):
            assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        environment = driver.sandboxes.environment(TASK)
        assert environment is not None
        assert environment["PASSWORD"] == "hunter2"

    drive(tmp_path, work)
    assert Driver(tmp_path).sandboxes.environment(TASK) is None


def test_ending_a_task_ends_its_daemonised_grandchildren(tmp_path: Path) -> None:
    async def work(driver: Driver) -> None:
        command = "(setsid env -i sh -c 'echo $$ > grandchild; exec sleep 300' &) ; sleep 300"
        sandbox = await driver.running(shell(command))
        grandchild = int(await driver.content(sandbox / "grandchild"))
        driver.runtime.kill(TASK, 5.0)
        update = await driver.ended(TASK)
        assert (update.condition, update.message) == (Condition.KILLED, "Command terminated with signal Terminated")
        assert is_gone(grandchild)

    drive(tmp_path, work)


def test_what_a_task_leaves_behind_is_ended_with_it(tmp_path: Path) -> None:
    async def work(driver: Driver) -> None:
        driver.runtime.launch(shell("setsid sh -c 'echo $$ > left; exec sleep 300' & while [ ! -s left ]; do :; done"))
        assert (await driver.ended(TASK)).condition is Condition.FINISHED
        assert is_gone(int((driver.sandboxes.path(TASK) / "left").read_text()))

    drive(tmp_path, work)


def test_a_task_that_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    async def work(driver: Driver) -> None:
        sandbox = await driver.running(shell("trap '' TERM; echo $$ > pid; while :; do sleep 0.1; done"))
        pid = int(await driver.content(sandbox / "pid"))
        loop = asyncio.get_running_loop()
        start = loop.time()
        driver.runtime.kill(TASK, 0.5)
        update = await driver.ended(TASK)
        assert (update.condition, update.message) == (Condition.KILLED, "Command terminated with signal Killed")
        assert 0.5 <= loop.time() - start < 5
        assert is_gone(pid)

    drive(tmp_path, work)


def test_a_child_may_use_the_grace_although_its_shell_ended_at_once(tmp_path: Path) -> None:
    async def work(driver: Driver) -> None:
        child = 'trap "sleep 0.3; echo done > farewell; exit" TERM; echo x > ready; while :; do sleep 0.05; done'
        sandbox = await driver.running(shell(f"sh -c '{child}' & wait"))
        await driver.content(sandbox / "ready")
        driver.runtime.kill(TASK, 5.0)
        await driver.ended(TASK)
        assert (sandbox / "farewell").read_text() == "done\n"

    drive(tmp_path, work)


def test_killing_what_has_only_been_launched_or_is_unknown(tmp_path: Path) -> None:
    async def work(driver: Driver) -> None:
        driver.runtime.launch(shell("sleep 300"))
        driver.runtime.kill(TASK, 1.0)
        driver.runtime.kill("never-heard-of", 1.0)
        assert (await driver.ended(TASK)).condition is Condition.KILLED
        assert (await driver.ended("never-heard-of")).condition is Condition.LOST

        await driver.running(shell("sleep 300", "b.instance-2._app.1"))
        driver.runtime.launch(shell("sleep 300", "c.instance-3._app.1"))
        await asyncio.sleep(0.003)  # its supervisor has been born but does not listen yet
        driver.runtime.kill("c.instance-3._app.1", 1.0)
        assert (await driver.ended("c.instance-3._app.1")).condition is Condition.KILLED

    drive(tmp_path, work)


def test_a_killed_supervisor_takes_its_whole_tree_along(tmp_path: Path) -> None:
    async def work(driver: Driver) -> None:
        command = "setsid sh -c 'echo $$ > one; exec sleep 300' & (sh -c 'echo $$ > two; exec sleep 300' &) ; sleep 300"
        sandbox = await driver.running(shell(command))
        pids = [int(await driver.content(sandbox / name)) for name in ("one", "two")]
        os.kill(driver.supervisor(TASK), signal.SIGKILL)
        update = await driver.ended(TASK)
        assert (update.condition, update.message) == (Condition.FAILED, "Executor terminated")
        assert all(is_gone(pid) for pid in pids)

    drive(tmp_path, work)


def test_the_next_runtime_adopts_expected_tasks_and_ends_the_others(tmp_path: Path) -> None:
    kept, other, ended, never = (f"{name}.instance-1._app.1" for name in ("kept", "other", "ended", "never"))

    async def work(first: Driver) -> None:
        pids = {}
        for task_id in (kept, other):
            sandbox = await first.running(shell("echo $$ > pid; exec sleep 300", task_id, SECRET="x"))
            pids[task_id] = int(await first.content(sandbox / "pid"))
        sandbox = await first.running(shell("while [ ! -e go ]; do sleep 0.01; done; exit 7", ended))
        first.forget()
        (sandbox / "go").touch()
        await until(lambda: (status := first.sandboxes.status(ended)) and status.ended, "the end written down")

        second = Driver(tmp_path)
        try:
            await second.runtime.recover([kept, ended, never])
            assert second.conditions(kept) == [Condition.RUNNING]
            assert second.final(ended) is not None
            assert second.final(ended).message == "Command exited with status 7"  # type: ignore[union-attr]
            assert second.conditions(never) == [Condition.LOST]
            assert is_gone(pids[other])
            assert second.conditions(other) == []
            assert not is_gone(pids[kept])
            second.runtime.kill(kept, 1.0)
            assert (await second.ended(kept)).message == "Command terminated with signal Terminated"
            assert is_gone(pids[kept])
        finally:
            await second.close()

    drive(tmp_path, work)


def test_an_adopted_task_keeps_its_own_grace(tmp_path: Path) -> None:
    async def work(first: Driver) -> None:
        await first.running(replace(shell("trap '' TERM; sleep 300 & wait; wait"), kill_grace_seconds=7.5))
        first.forget()
        second = Driver(tmp_path)
        await second.runtime.recover([TASK])
        stopping = asyncio.create_task(second.runtime.shutdown(10.0))
        await asyncio.sleep(0)
        assert (second.sandboxes.papers(TASK) / "grace").read_text() == "7.5"
        await stopping

    drive(tmp_path, work)


def test_an_end_that_could_not_be_written_is_told_again_by_the_next_runtime(tmp_path: Path) -> None:
    def refuse(update: TaskUpdate) -> None:
        raise OSError("the disk is full")

    async def work(first: Driver) -> None:
        await first.running(shell("sleep 300"))
        first.runtime._report = refuse
        await asyncio.wait_for(first.runtime.shutdown(1.0), 10)
        second = Driver(tmp_path)
        await second.runtime.recover([TASK])
        assert second.conditions(TASK) == [Condition.KILLED]

    drive(tmp_path, work)


def test_a_session_with_a_reused_number_is_not_taken_for_a_task_s(tmp_path: Path) -> None:
    stranger = subprocess.Popen(["sleep", "300"], start_new_session=True)
    try:
        found = proc.stat(stranger.pid)
        assert found is not None
        until_session = time.monotonic() + 5
        while proc.stat(stranger.pid).session != stranger.pid and time.monotonic() < until_session:  # type: ignore[union-attr]
            time.sleep(0.001)
        assert proc.strays(str(tmp_path), stranger.pid, found.start) == {stranger.pid}
        assert proc.strays(str(tmp_path), stranger.pid, found.start - 1) == set()
    finally:
        stranger.kill()
        stranger.wait()


def test_a_reused_pid_is_not_taken_for_the_supervisor(tmp_path: Path) -> None:
    async def work(first: Driver) -> None:
        await first.running(shell("sleep 300"))
        pid = first.supervisor(TASK)
        first.forget()
        os.kill(pid, signal.SIGKILL)
        await until(lambda: is_gone(pid), "the supervisor gone")
        status = first.sandboxes.papers(TASK) / "status.json"
        status.write_text(status.read_text().replace(f'"supervisor": {pid}', f'"supervisor": {os.getpid()}'))
        second = Driver(tmp_path)
        await second.runtime.recover([TASK])
        assert second.conditions(TASK) == [Condition.LOST]

    drive(tmp_path, work)


def test_a_launch_that_never_came_about_is_withdrawn(tmp_path: Path) -> None:
    async def work(driver: Driver) -> None:
        papers = driver.sandboxes.papers(TASK)
        papers.mkdir(parents=True)
        (papers / "spec").write_bytes(b"")
        await driver.runtime.recover([TASK])
        assert driver.updates == [TaskUpdate(TASK, Condition.LOST, driver.updates[0].message, began=False)]
        assert not papers.exists()

    drive(tmp_path, work)


def supervise_for_nobody(papers: Path) -> subprocess.Popen[bytes]:
    reader, nobody_reads = os.pipe()
    os.close(reader)
    try:
        command = [sys.executable, "-I", "-S", supervisor.__file__, str(papers)]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=nobody_reads)
    finally:
        os.close(nobody_reads)


def test_a_task_runs_on_whose_daemon_was_killed_while_it_started(tmp_path: Path) -> None:
    async def work(driver: Driver) -> None:
        papers, sandbox = driver.sandboxes.papers(TASK), driver.sandboxes.path(TASK)
        papers.mkdir(parents=True)
        sandbox.mkdir(parents=True)
        spec = SupervisorSpec(str(sandbox), ("/bin/sleep", "300"), {"PATH": os.environ["PATH"]}, 1.0)
        (papers / "spec").write_bytes(encode(spec))
        started = supervise_for_nobody(papers)
        # What would have been told to the daemon is behind it then.
        output = Path(f"/proc/{started.pid}/fd/1")
        await until(lambda: output.readlink() == Path(os.devnull), "the supervisor watching")
        await driver.runtime.recover([TASK])
        assert driver.conditions(TASK) == [Condition.RUNNING]
        driver.runtime.kill(TASK, 1.0)
        await driver.ended(TASK)
        started.wait()

    drive(tmp_path, work)


def test_sandboxes_are_kept_for_a_while_and_never_taken_from_a_running_task(tmp_path: Path) -> None:
    async def work(driver: Driver) -> None:
        first = "app.instance-0._app.1"
        sandbox = await driver.running(shell("sleep 300", first))
        os.utime(sandbox, (0, 0))
        for number in range(1, KEEP_PER_APP + 4):
            driver.sandboxes.path(f"app.instance-{number}._app.1").mkdir()
        driver.sandboxes.collect(time.time(), [first])
        kept = {path.name for path in driver.sandboxes.tasks.iterdir()}
        assert first in kept
        assert len(kept) == KEEP_PER_APP + 1
        driver.runtime.kill(first, 1.0)
        await driver.ended(first)
        assert sandbox.stat().st_mtime > time.time() - 60

    drive(tmp_path, work)
