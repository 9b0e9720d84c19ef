"""Commands beside tasks with real processes: streams, exit status, and nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from runtime_driver import Driver, is_gone, shell, until

from ciprov.localcluster.model import Condition, Instance
from ciprov.localcluster.runtimes.sessions import ProcessSession, TaskSandboxes

TASK = "app.instance-1._app.1"
LEAVES_A_TREE = "setsid sleep 1000 & echo $!; (setsid sleep 1000 & echo $!); echo $$; sleep 1000"


def drive(root: Path, work: Callable[[Driver, TaskSandboxes], Awaitable[None]]) -> None:
    async def main() -> None:
        driver = Driver(root)
        try:
            await driver.running(shell("sleep 1000", GREETING="hello"))
            await asyncio.wait_for(work(driver, TaskSandboxes(driver.sandboxes, list)), 30)
        finally:
            await driver.close()

    asyncio.run(main())


async def said(session: ProcessSession) -> dict[str, bytes]:
    found = {"STDOUT": b"", "STDERR": b""}
    async for piece in session.output():
        found[piece.stream] += piece.data
    return found


async def pids(session: ProcessSession, count: int) -> list[int]:
    """The numbers that the command prints first; reading stops there."""
    text = b""
    async for piece in session.output():
        text += piece.data
        if text.count(b"\n") >= count:
            break
    return [int(line) for line in text.split()]


def test_it_runs_in_the_sandbox_with_the_tasks_environment(tmp_path: Path) -> None:
    async def work(driver: Driver, tasks: TaskSandboxes) -> None:
        command = ["/bin/sh", "-c", "pwd; echo $GREETING $MORE $MESOS_SANDBOX; echo oops >&2; exit 3"]
        session = await tasks.start(TASK, command, {"MORE": "more"})
        sandbox = driver.sandboxes.path(TASK)
        assert await said(session) == {"STDOUT": f"{sandbox}\nhello more {sandbox}\n".encode(), "STDERR": b"oops\n"}
        assert await session.wait() == 3 << 8
        await session.close()
        assert session.exit_status == 3 << 8

    drive(tmp_path, work)


@pytest.mark.parametrize("turns", [1, 2, 3, 4, 6])
def test_a_start_that_is_given_up_leaves_nothing_open_and_closes_nothing_of_others(tmp_path: Path, turns: int) -> None:
    def descriptors() -> dict[str, str]:
        found = {}
        for entry in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                found[entry.name] = str(entry.readlink())
        return {name: target for name, target in found.items() if "/proc/" not in target}

    async def work(driver: Driver, tasks: TaskSandboxes) -> None:
        before = descriptors()
        starting = asyncio.create_task(tasks.start(TASK, ["/bin/sh", "-c", "echo $$ > pid; sleep 1000"], {}))
        for _ in range(turns):
            await asyncio.sleep(0)
        others = [os.open(os.devnull, os.O_RDONLY) for _ in range(20)]
        starting.cancel()
        await asyncio.wait({starting})
        if not starting.cancelled():
            await (await starting).close()
        await until(lambda: len(descriptors()) <= len(before) + len(others), "all descriptors closed")
        for descriptor in others:
            assert str(Path(f"/proc/self/fd/{descriptor}").readlink()) == os.devnull
            os.close(descriptor)
        assert descriptors() == before

    drive(tmp_path, work)


def test_it_knows_nothing_of_the_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAEMON_SECRET", "s3cret")

    async def work(driver: Driver, tasks: TaskSandboxes) -> None:
        session = await tasks.start(TASK, ["/bin/sh", "-c", "env; ls /proc/self/fd | wc -l"], {})
        out = (await said(session))["STDOUT"]
        await session.close()
        assert b"DAEMON_SECRET" not in out
        assert out.split()[-1] == b"4"  # the three streams, and the directory that ls reads

    drive(tmp_path, work)


def test_standard_input_and_its_end(tmp_path: Path) -> None:
    async def work(driver: Driver, tasks: TaskSandboxes) -> None:
        session = await tasks.start(TASK, ["cat"], {})
        reading = asyncio.create_task(said(session))
        await session.write(b"a" * 200_000)
        await session.write(b"")
        await session.write(b"too late")
        assert len((await reading)["STDOUT"]) == 200_000
        assert await session.wait() == 0
        await session.close()

    drive(tmp_path, work)


def test_a_terminal(tmp_path: Path) -> None:
    async def work(driver: Driver, tasks: TaskSandboxes) -> None:
        session = await tasks.start(TASK, ["/bin/sh", "-c", "read go; tty && stty size; cat"], {}, tty=True)
        session.resize(33, 99)
        await session.write(b"\n")
        await session.write(b"")
        out = (await said(session))["STDOUT"]
        assert b"/dev/pts/" in out
        assert b"33 99" in out
        assert await session.wait() == 0
        await session.close()

    drive(tmp_path, work)


def test_closing_ends_the_whole_tree(tmp_path: Path) -> None:
    async def work(driver: Driver, tasks: TaskSandboxes) -> None:
        session = await tasks.start(TASK, ["/bin/sh", "-c", LEAVES_A_TREE], {})
        tree = await pids(session, 3)
        assert not any(is_gone(pid) for pid in tree)
        await session.close()
        assert all(is_gone(pid) for pid in tree)
        assert session.exit_status == 9
        assert driver.conditions(TASK) == [Condition.RUNNING]

    drive(tmp_path, work)


def test_what_a_command_leaves_in_the_background_ends_with_it(tmp_path: Path) -> None:
    async def work(driver: Driver, tasks: TaskSandboxes) -> None:
        session = await tasks.start(TASK, ["/bin/sh", "-c", "setsid sleep 1000 & echo $!"], {})
        (pid,) = (int(each) for each in (await said(session))["STDOUT"].split())
        assert await session.wait() == 0
        await session.close()
        assert is_gone(pid)

    drive(tmp_path, work)


def test_the_end_of_the_task_ends_it(tmp_path: Path) -> None:
    async def work(driver: Driver, tasks: TaskSandboxes) -> None:
        session = await tasks.start(TASK, ["/bin/sh", "-c", LEAVES_A_TREE], {})
        tree = await pids(session, 3)
        driver.runtime.kill(TASK, 0.0)
        await driver.ended(TASK)
        assert await session.wait() == 9
        await session.close()
        assert all(is_gone(pid) for pid in tree)

    drive(tmp_path, work)


def test_signals_reach_the_command(tmp_path: Path) -> None:
    async def work(driver: Driver, tasks: TaskSandboxes) -> None:
        session = await tasks.start(
            TASK, ["/bin/sh", "-c", "trap 'exit 7' TERM; echo; while :; do sleep 0.01; done"], {}
        )
        await pids(session, 1)
        session.send_signal(15)
        assert await session.wait() == 7 << 8
        await session.close()
        session.send_signal(15)

    drive(tmp_path, work)


def test_what_cannot_be_run(tmp_path: Path) -> None:
    async def work(driver: Driver, tasks: TaskSandboxes) -> None:
        session = await tasks.start(TASK, ["no-such-command"], {})
        assert b"no-such-command: No such file" in (await said(session))["STDERR"]
        assert await session.wait() == 127 << 8
        await session.close()
        with pytest.raises(ValueError, match="NUL"):
            await tasks.start(TASK, ["a\0b"], {})
        with pytest.raises(ValueError, match="'A=B'"):
            await tasks.start(TASK, ["true"], {"A=B": ""})
        with pytest.raises(KeyError):
            await tasks.start("unknown", ["true"], {})
        driver.runtime.kill(TASK, 0.0)
        await driver.ended(TASK)
        with pytest.raises(ValueError, match="does not run"):
            await tasks.start(TASK, ["true"], {})

    drive(tmp_path, work)


def test_sessions_leave_no_file_descriptors(tmp_path: Path) -> None:
    def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    async def work(driver: Driver, tasks: TaskSandboxes) -> None:
        async def once(*, tty: bool) -> None:
            session = await tasks.start(TASK, ["true"], {}, tty=tty)
            await said(session)
            await session.close()

        await once(tty=False)
        before = count()
        for tty in (True, False, True):
            await once(tty=tty)
        await until(lambda: count() <= before, "descriptors closed")

    drive(tmp_path, work)


DAEMON = """
import asyncio, os, sys
from pathlib import Path
from ciprov.localcluster.runtimes.sandbox import Sandboxes
from ciprov.localcluster.runtimes.sessions import TaskSandboxes

async def main():
    root = Path(sys.argv[1])
    tasks = TaskSandboxes(Sandboxes(root / "tasks", root / "supervised"), list)
    session = await tasks.start(sys.argv[2], ["/bin/sh", "-c", sys.argv[3]], {})
    async for piece in session.output():
        os.write(1, piece.data)

asyncio.run(main())
"""


def test_a_daemon_that_is_killed_takes_its_sessions_along_and_no_task(tmp_path: Path) -> None:
    async def work(driver: Driver, tasks: TaskSandboxes) -> None:
        daemon = await asyncio.create_subprocess_exec(
            sys.executable, "-c", DAEMON, str(tmp_path), TASK, LEAVES_A_TREE, stdout=subprocess.PIPE
        )
        assert daemon.stdout is not None
        tree = [int(await daemon.stdout.readline()) for _ in range(3)]
        daemon.kill()
        await daemon.wait()
        await until(lambda: all(is_gone(pid) for pid in tree), "the session's processes gone")
        assert driver.conditions(TASK) == [Condition.RUNNING]

    drive(tmp_path, work)


def test_sandboxes_are_known_with_their_tasks(tmp_path: Path) -> None:
    async def work(driver: Driver, tasks: TaskSandboxes) -> None:
        await driver.running(shell("sleep 1000", "old.instance-2._app.1"))
        now = datetime(2024, 1, 1, tzinfo=UTC)
        instance = Instance("app.instance-1", "/app", "v", Condition.RUNNING, now, agent_id="agent-0")
        both = TaskSandboxes(driver.sandboxes, lambda: [instance])
        root = Path(os.path.realpath(driver.sandboxes.tasks))
        first, second = both.all()
        assert (first.task_id, first.state, first.agent_id, first.app_id) == (TASK, "TASK_RUNNING", "agent-0", "/app")
        assert first.directory == root / TASK
        assert (second.task_id, second.agent_id) == ("old.instance-2._app.1", "")
        assert both.find(TASK) == first
        assert both.find("unknown") is None
        assert both.holds(root / TASK / "stdout")
        assert both.holds(root / TASK)
        assert not both.holds(root)
        assert not both.holds(root.parent / "tasks-other")
        assert not both.holds(Path("/"))

    drive(tmp_path, work)
