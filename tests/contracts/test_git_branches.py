"""Branches of real repositories, as the real git tells them."""

from __future__ import annotations

import http.server
import os
import socket
import stat
import subprocess
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from ciprov.clients.git import GitError, branches
from ciprov.wiring.git import look_up_branches

NAMES = ("feature/ABC-12_x", "main", "übung")


def git(directory: Path, *arguments: str) -> None:
    own = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    who = ["-c", "user.name=me", "-c", "user.email=me@example.org"]
    subprocess.run(["git", *who, *arguments], cwd=directory, env=os.environ | own, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    made = tmp_path / "shop.git"
    made.mkdir()
    git(made, "init", "-q", "-b", "main")
    git(made, "commit", "-q", "--allow-empty", "-m", "first")
    git(made, "tag", "v1")
    for name in NAMES:
        if name != "main":
            git(made, "branch", name)
    git(made, "update-server-info")
    return made


@contextmanager
def served(
    directory: Path, user: str = "", password: str = "", meanwhile: Callable[[], None] = lambda: None
) -> Iterator[tuple[str, list[str]]]:
    """The repository over HTTP, for who knows the password; gives its address and the users that asked."""
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(directory))  # type: ignore[arg-type]

        def do_GET(self) -> None:
            given = b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
            asked.append(given.partition(":")[0])
            meanwhile()
            if user and given != f"{user}:{password}":
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="shop"')
                self.end_headers()
                return
            super().do_GET()

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}/.git", asked
    finally:
        server.shutdown()
        server.server_close()


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_all_branches_are_told_and_nothing_else(repository: Path) -> None:
    for remote in (str(repository), f"file://{repository}", f"{repository}/.git"):
        assert sorted(branches(remote)) == sorted(NAMES)


def test_over_http_credentials_reach_the_server_and_no_output(repository: Path) -> None:
    with served(repository, "me", "s3cret") as (address, asked):
        assert sorted(branches(f"http://me:s3cret@{address}")) == sorted(NAMES)
        assert "me" in asked
        with pytest.raises(GitError) as refused:
            branches(f"http://me:wr0ng@{address}")
    assert "wr0ng" not in str(refused.value)
    assert address in str(refused.value)


def test_no_command_line_has_the_credentials(repository: Path) -> None:
    seen: list[str] = []

    def look() -> None:
        seen.extend(" ".join(one.info["cmdline"] or []) for one in psutil.process_iter(["cmdline"]))

    with served(repository, "me", "s3cr:et/@", look) as (address, _):
        assert branches(f"http://me:s3cr%3Aet%2F%40@{address}")
    assert any(address in line for line in seen)
    assert not any("s3cr" in line for line in seen)


def test_nobody_is_asked_for_a_password(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("GIT_ASKPASS", "SSH_ASKPASS"):
        monkeypatch.delenv(variable, raising=False)
    started = time.monotonic()
    with served(repository, "me", "s3cret") as (address, _), pytest.raises(GitError, match="terminal prompts disabled"):
        branches(f"http://{address}")
    assert time.monotonic() - started < 10


def test_a_repository_that_is_not_there_or_has_no_branch_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="does not"):
        branches(str(tmp_path / "nowhere"))
    git(tmp_path, "init", "-q", "--bare", "empty.git")
    with pytest.raises(GitError, match="no branch at all"):
        branches(str(tmp_path / "empty.git"))


def test_an_address_is_no_option_and_no_command(tmp_path: Path) -> None:
    for remote in (f"--upload-pack=touch {tmp_path}/made", f"ext::touch {tmp_path}/made"):
        with pytest.raises(GitError):
            branches(remote)
    assert not (tmp_path / "made").exists()


def test_silence_ends_in_time_with_all_that_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        started = time.monotonic()
        with pytest.raises(GitError, match="no answer within 1 s"):
            branches(f"git://127.0.0.1:{mute.getsockname()[1]}/shop.git", timeout=1)
        assert time.monotonic() - started < 5
    ssh = tmp_path / "ssh"
    ssh.write_text(f'#!/bin/sh\necho $$ > {tmp_path}/pid\necho "$@" > {tmp_path}/options\nexec sleep 30\n')
    ssh.chmod(ssh.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    with pytest.raises(GitError, match="no answer"):
        branches("git@git.example:shop.git", timeout=1)
    assert "BatchMode=yes" in (tmp_path / "options").read_text()
    pid, end = int((tmp_path / "pid").read_text()), time.monotonic() + 5
    while is_running(pid):
        assert time.monotonic() < end, "ssh outlives its git"
        time.sleep(0.01)


def test_who_answers_and_who_does_not_is_told_apart(repository: Path, tmp_path: Path) -> None:
    found = look_up_branches([str(repository), f"http://me:s3cret@127.0.0.1:9{tmp_path}"])
    assert set(found.told) == {str(repository)}
    ((address, why),) = found.silent.items()
    assert address == f"http://127.0.0.1:9{tmp_path}"
    assert "s3cret" not in why
    assert why
