"""The process runtime with real processes. Every test ends all that it started."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import io
import os
import signal
import stat
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from runtime_driver import Driver, is_gone, shell, until

from ciprov.localcluster.definitions.app import FetchUri
from ciprov.localcluster.model import Condition
from ciprov.localcluster.probes.answers import CommandFailed, ProbeFailed
from ciprov.localcluster.runtimes import proc, supervisor
from ciprov.localcluster.runtimes.port import LaunchSpec, PersistentVolumes, TaskUpdate
from ciprov.localcluster.runtimes.sandbox import KEEP_PER_APP
from ciprov.localcluster.runtimes.session_place import SessionPlace
from ciprov.localcluster.runtimes.sessions import TaskSandboxes

TASK = "app.instance-1._app.1"
Work = Callable[[Driver], Awaitable[None]]


def drive(root: Path, work: Work) -> None:
    async def main() -> None:
        driver = Driver(root)
        try:
            await work(driver)
        finally:
            await driver.close()

    asyncio.run(main())


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
        assert driver.conditions(TASK) == [Condition.LOST]
        assert not papers.exists()

    drive(tmp_path, work)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None: ...

    def do_GET(self) -> None:
        if self.path == "/short.txt":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"only this")
            return
        super().do_GET()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A directory and the URL under which it is served."""
    directory = tmp_path / "served"
    directory.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *args: Quiet(*args, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield directory, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def tar_of(path: Path, members: dict[str, bytes], *, mode: str = "w:gz") -> None:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))


def test_uris_are_fetched_extracted_and_made_executable(tmp_path: Path, served: tuple[Path, str]) -> None:
    directory, url = served
    tar_of(directory / "site.tar.gz", {"site/run.sh": b"#!/bin/sh\necho from-tar\n"})
    with zipfile.ZipFile(directory / "data.zip", "w") as archive:
        archive.writestr("data.txt", "from-zip")
    (directory / "tool").write_text("#!/bin/sh\necho from-tool\n")
    (directory / "my data.txt").write_text("plain")
    fetch = (
        FetchUri(uri=f"{url}/site.tar.gz"),
        FetchUri(uri=f"file://{directory}/data.zip", extract=False, dest_path="kept/d.zip"),
        FetchUri(uri=f"{directory}/data.zip"),
        FetchUri(uri=f"{url}/tool", executable=True, cache=True),
        FetchUri(uri=f"{url}/my%20data.txt?token=x"),
    )

    async def work(driver: Driver) -> None:
        driver.runtime.launch(shell("site/run.sh; cat data.txt; ./tool; cat 'my data.txt'; ls kept", fetch=fetch))
        update = await driver.ended(TASK)
        assert update.condition is Condition.FINISHED, update
        out = (driver.sandboxes.path(TASK) / "stdout").read_text()
        assert out == "from-tar\nfrom-zipfrom-tool\nplaind.zip\n"

    drive(tmp_path, work)


def test_the_cache_serves_again_until_the_size_changes(tmp_path: Path, served: tuple[Path, str]) -> None:
    directory, url = served
    fetch = (FetchUri(uri=f"{url}/file.txt", cache=True),)

    async def work(driver: Driver) -> None:
        for number, (content, expected) in enumerate([("first", "first"), ("other", "first"), ("longer", "longer")]):
            (directory / "file.txt").write_text(content)
            task_id = f"app.instance-{number}._app.1"
            driver.runtime.launch(shell("cat file.txt", task_id, fetch=fetch))
            await driver.ended(task_id)
            assert (driver.sandboxes.path(task_id) / "stdout").read_text() == expected

    drive(tmp_path, work)


@pytest.mark.parametrize(
    ("uri", "dest_path", "says"),
    [
        ("{url}/missing.txt", None, "the server answered 404"),
        ("{url}/short.txt", None, "the answer ended after 9 of 100 bytes"),
        ("http://127.0.0.1:1/x", None, "Connection refused"),
        ("http://user:pass@127.0.0.1:1/x", None, "'http://127.0.0.1:1/x'"),
        ("file:///no/such/file", None, "No such file or directory"),
        ("relative/path", None, "a relative path is not supported"),
        ("hdfs://x/y", None, "scheme 'hdfs' is not supported"),
        ("ftp://user:pass@x/y", None, "scheme 'ftp' is not supported"),
        ("{url}/good.txt", "../../out.txt", "is not a file inside the sandbox"),
        ("{url}/evil.tar", None, "lies outside"),
        ("{url}/broken.zip", None, "cannot extract"),
    ],
)
def test_a_fetch_that_fails_fails_the_task(
    tmp_path: Path, served: tuple[Path, str], uri: str, dest_path: str | None, says: str
) -> None:
    directory, url = served
    (directory / "good.txt").write_text("good")
    (directory / "broken.zip").write_text("no zip")
    tar_of(directory / "evil.tar", {"../escaped.txt": b"x"}, mode="w")

    async def work(driver: Driver) -> None:
        fetch = (FetchUri(uri=uri.format(url=url), dest_path=dest_path),)
        driver.runtime.launch(shell("echo ran", fetch=fetch))
        update = await driver.ended(TASK)
        assert update.condition is Condition.FAILED
        assert update.message.startswith(
            f"Failed to launch container: Failed to fetch all URIs for container '{TASK}': "
        )
        assert says in update.message
        assert "pass@" not in update.message
        assert driver.conditions(TASK) == [Condition.FAILED]
        assert not (tmp_path / "tasks" / "escaped.txt").exists()

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
