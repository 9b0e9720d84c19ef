"""What a process gets and leaves beside its command: a terminal, descendants anywhere, another user's view."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from runtime_driver import TASK, Driver, drive, shell, until

from ciprov.localcluster.model import Condition
from ciprov.localcluster.probes.answers import CommandFailed, ProbeFailed
from ciprov.localcluster.runtimes import proc, supervisor
from ciprov.localcluster.runtimes.port import LaunchSpec, PersistentVolumes
from ciprov.localcluster.runtimes.session_place import SessionPlace
from ciprov.localcluster.runtimes.sessions import TaskSandboxes


def test_a_terminal_is_the_tasks_own_and_all_that_is_written_there_is_kept(tmp_path: Path) -> None:
    async def work(driver: Driver) -> None:
        command = "test -t 0 && test -t 1 && test -t 2 && tty; echo oops >&2; echo there > /dev/tty; seq 20000; exit 3"
        driver.runtime.launch(replace(shell(command), tty=True))
        assert (await driver.ended(TASK)).message == "Command exited with status 3"
        sandbox = driver.sandboxes.path(TASK)
        lines = (sandbox / "stdout").read_text().split()
        assert lines[0].startswith("/dev/pts/")
        assert lines[1:3] == ["oops", "there"]
        assert lines[3:] == [str(number) for number in range(1, 20001)]
        assert (sandbox / "stderr").read_text() == ""

        long = "app.instance-2._app.1"
        await driver.running(replace(shell("echo up; sleep 300", long), tty=True))
        driver.runtime.kill(long, 5.0)
        assert (await driver.ended(long)).message == "Command terminated with signal Terminated"

    drive(tmp_path, work)


def test_a_kill_finds_every_descendant_wherever_it_hangs(tmp_path: Path) -> None:
    """Below threads that are not the first, in sessions of their own, and forked while others are told."""

    async def work(driver: Driver) -> None:
        program = (
            "import subprocess, threading, time\n"
            "command = ['sh', '-c', 'setsid sleep 300 & sleep 300 & wait']\n"
            "def more(): subprocess.Popen(command, start_new_session=True) and time.sleep(300)\n"
            "threads = [threading.Thread(target=more) for _ in range(5)]\n"
            "[thread.start() for thread in threads]\n"
        )
        spec = LaunchSpec(TASK, None, (sys.executable, "-c", program), {"MARK": str(tmp_path)}, (), 3.0)
        await driver.running(spec)
        mark = f"MARK={tmp_path}".encode()

        def marked() -> list[int]:
            return [
                each.pid for each in proc.all_processes() if not each.zombie and proc.holds_variable(each.pid, mark)
            ]

        await until(lambda: len(marked()) == 16, "the whole tree")
        driver.runtime.kill(TASK, 0.2)
        assert (await driver.ended(TASK)).condition is Condition.KILLED
        assert marked() == []

    drive(tmp_path, work)


def test_where_the_kernel_does_not_tell_children_they_are_found_by_their_parents() -> None:
    before = set(supervisor.descendants())
    child = subprocess.Popen(["sh", "-c", "sleep 300 & wait"])
    try:
        deadline = time.monotonic() + 5
        while len(new := [pid for pid in supervisor.descendants() if pid not in before]) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert new[0] == child.pid
        assert [pid for pid in supervisor.descendants_by_parents() if pid not in before] == new
    finally:
        supervisor.send(new, signal.SIGKILL)
        child.wait()


@pytest.mark.skipif(os.getuid() != 0, reason="only root may run tasks as another user")
def test_another_user_finds_its_sandbox_and_volumes_by_their_paths_and_nobody_elses(tmp_path: Path) -> None:
    async def work(driver: Driver) -> None:
        other = await driver.running(shell("sleep 300", "b.instance-1._app.1"))
        other.chmod(0o777)  # as those of containers
        (other / "file").write_text("private")
        driver.root.chmod(0o700)
        volumes = PersistentVolumes("/app", "app.instance-1", ("data",))
        command = (
            "id -un; pwd; touch $MESOS_SANDBOX/mine && cat $MESOS_SANDBOX/mine; cd / && cd $MESOS_SANDBOX && pwd; "
            f"echo kept > $MESOS_SANDBOX/data/file; cat {other}/file; ls {driver.sandboxes.tasks}; "
            "echo ready >> /dev/stdout; sleep 300"
        )
        spec = replace(shell(command, TASK), user="nobody", persistent=volumes)
        sandbox = await driver.running(spec)
        out = sandbox / "stdout"
        await until(lambda: out.exists() and "ready" in out.read_text(), "all done")
        words = out.read_text().split()
        assert words == ["nobody", str(sandbox), str(sandbox), sandbox.name, "ready"]
        assert "cat" in (sandbox / "stderr").read_text()
        assert (sandbox / "data" / "file").read_text() == "kept\n"
        assert (sandbox / "mine").owner() == "nobody"
        assert stat.S_IMODE(driver.root.stat().st_mode) == 0o700

        tasks = TaskSandboxes(driver.sandboxes, list)
        session = await tasks.start(TASK, ["/bin/sh", "-c", "id -un; pwd; cat $MESOS_SANDBOX/data/file"], {})
        said = b"".join([piece.data async for piece in session.output()])
        await session.close()
        assert said.decode().split() == ["nobody", str(sandbox), "kept"]
        place = SessionPlace(tasks, TASK)
        await place.run("grep kept $MESOS_SANDBOX/data/file && test $(id -un) = nobody")
        with pytest.raises(CommandFailed, match="exited with status 4: gone") as failed:
            await place.run("echo gone; exit 4")
        assert failed.value.exit_code == 4
        with pytest.raises(ProbeFailed):
            await SessionPlace(tasks, "never-heard-of").run("true")

    drive(tmp_path, work)
