"""An agent that is started by ciprov's text in a sandbox of its own, under one shell or another."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import stat
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ciprov.agents.start.start_script import Addresses, start_command
from ciprov.agents.template import Start, Template
from ciprov.framework.requests import Wanted

SECRET, TOKEN = secrets.token_hex(32), secrets.token_urlsafe(24)
"""Of this process alone: other processes that run tests start agents at the same time."""
NAME = "ci-maven-1"
SHELLS: Mapping[str, tuple[str, ...]] = {
    "bash": ("bash", "mkfifo"),
    "dash-curl": ("dash", "curl"),
    "dash-python": ("dash", "python3"),
    "busybox": ("busybox", "nc"),
}
"""What a host has besides the programs that every host has; the first one is its sh."""
_EVERYWHERE = ("chmod", "ls", "mkdir", "rm", "sleep")

RECORDS_ITSELF = """\
printf '%s\\n' "$@" >arguments
cat >secret
env >environment
grep SigIgn /proc/self/status >ignored
"""
"""As the text of a `java`: what it was given."""
WAITS = "exec sleep 60\n"


def host(directory: Path, shell: str) -> Path:
    """A directory of programs, to be the whole PATH."""
    sh, *others = SHELLS[shell]
    for program in (sh, *(others if sh != "busybox" else ())):
        if _real(program) is None:
            pytest.skip(f"there is no {program} here")
    programs = directory / "programs"
    programs.mkdir(exist_ok=True)
    for program in (*others, *_EVERYWHERE):
        real = _real("busybox") if sh == "busybox" else _real(program)
        assert real is not None
        programs.joinpath(program).symlink_to(real)
    programs.joinpath("sh").symlink_to(_real(sh) or "")
    if sh == "bash":
        programs.joinpath("bash").symlink_to(_real(sh) or "")
    return programs


def _real(program: str) -> str | None:
    # Not a shim of a version manager, which needs more programs than itself.
    return shutil.which(program, path="/usr/bin:/bin:/usr/local/bin")


def java(directory: Path, text: str) -> Path:
    program = directory / "java"
    program.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{text}")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


class StartedAgent:
    """Ended with the `with` block. `sandbox` is a directory that is made for it."""

    def __init__(self, directory: Path, programs: Path, signal_url: str = "", **fields: Any) -> None:
        self.sandbox = directory / "sandbox"
        self.sandbox.mkdir()
        self.jar = self.sandbox / "agent.jar"
        self.jar.write_bytes(b"PK\x03\x04 is how an archive begins")
        self.jenkins = fields.pop("jenkins", "http://127.0.0.1:9/")
        self.name = fields.pop("name", NAME)
        self.env = {"PATH": str(programs), "CIPROV_AGENT_SECRET": SECRET, "CIPROV_AGENT_TOKEN": TOKEN}
        self.template = Template("maven", ("maven",), Wanted(cpus=1), start=Start(**{"jar_cache": "", **fields}))
        self._signal_url = signal_url
        self._programs = programs
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> StartedAgent:
        text = start_command(self.name, self.template, Addresses(self.jenkins, self._signal_url))
        with (self.sandbox / "stderr").open("wb") as errors:
            self.process = subprocess.Popen(
                [self._programs / "sh", "-c", text],
                cwd=self.sandbox,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
        return self

    def __enter__(self) -> StartedAgent:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def ended(self, seconds: float = 10.0) -> int:
        assert self.process is not None
        return self.process.wait(seconds)

    def told(self) -> str:
        return self.read("stderr")

    def read(self, name: str) -> str:
        return (self.sandbox / name).read_text()

    def has(self, name: str) -> bool:
        return (self.sandbox / name).exists()

    def works_on(self, entry: str) -> None:
        """As a build of that job begins."""
        (self.sandbox / "agent/workspace" / entry).mkdir(parents=True)

    def processes(self) -> list[str]:
        """Those that were started in the sandbox."""
        found = []
        for each in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if each.joinpath("cwd").resolve().is_relative_to(self.sandbox):
                    found.append(each.joinpath("cmdline").read_text().replace("\0", " "))
        return found


def places_with(*words: str) -> list[str]:
    """Processes of this machine whose command line or environment shows one of them."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        for what in ("cmdline", "environ"):
            with suppress(OSError):
                text = process.joinpath(what).read_bytes()
                found += [f"{process.name} {what}" for word in words if word.encode() in text]
    return found


def files_with(directory: Path, *words: str) -> list[str]:
    found = []
    for path in directory.rglob("*"):
        if path.is_file():
            text = path.read_bytes()
            found += [str(path) for word in words if word.encode() in text]
    return found
