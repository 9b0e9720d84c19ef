"""What the daemon hands to a task's supervisor, and what the supervisor writes down about the task.

The specification is a file of NUL-separated pairs, so that the supervisor needs no parser to read it and the
environment of a task never appears on a command line. The status is a small JSON file.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass

from ciprov.localcluster.model import Condition

SPEC_FD = 3
"""Where the supervisor keeps its (already unlinked) specification open, so that it can be read through `/proc`."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user that a task runs as, where it is not the daemon's own."""

    uid: int
    gid: int
    groups: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SupervisorSpec:
    """One task for one supervisor. `directory` is the sandbox; the grace is in seconds.

    With `tty` the task has a terminal of its own, and all that it writes there is in `stdout`. Of `hidden`, a directory
    that its account may not pass, the task sees `shown` alone.
    """

    directory: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    kill_grace_seconds: float
    account: Account | None = None
    tty: bool = False
    hidden: str = ""
    shown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SupervisorStatus:
    """What a supervisor wrote last. Start times are clock ticks since boot, as in `/proc/<pid>/stat`.

    `exit_code` or `exit_signal` is given once the task and its whole process tree are gone; `killed` says that it
    was asked to end the task.
    """

    boot_id: str
    supervisor: int
    supervisor_start: int
    task: int
    task_start: int
    killed: bool = False
    exit_code: int | None = None
    exit_signal: int | None = None

    @property
    def ended(self) -> bool:
        return self.exit_code is not None or self.exit_signal is not None


def encode(spec: SupervisorSpec) -> bytes:
    """The bytes of a specification. Raises ValueError for what no process can be given, such as a NUL."""
    pairs = [("cwd", spec.directory), ("grace", repr(float(spec.kill_grace_seconds)))]
    if spec.account is not None:
        pairs += [("uid", str(spec.account.uid)), ("gid", str(spec.account.gid))]
        pairs += [("group", str(group)) for group in spec.account.groups]
    if spec.hidden:
        pairs += [("hidden", spec.hidden), *(("shown", directory) for directory in spec.shown)]
    if spec.tty:
        pairs.append(("tty", "1"))
    pairs += [("arg", argument) for argument in spec.argv]
    pairs += [("env", f"{name}={value}") for name, value in spec.environment.items()]
    for name in spec.environment:
        if not name or "=" in name:
            raise ValueError(f"{name!r} cannot be the name of an environment variable: it is empty or holds a '='")
    for key, value in pairs:
        if "\0" in value:
            what = f"environment variable {value.split('=', 1)[0]!r}" if key == "env" else "command"
            raise ValueError(f"the {what} holds a NUL character, which no process can be given")
    return b"".join(os.fsencode(f"{key}\0{value}\0") for key, value in pairs)


def environment_of(content: bytes) -> dict[str, str]:
    """The environment in the bytes of a specification."""
    fields = content.split(b"\0")
    pairs = zip(fields[::2], fields[1::2], strict=False)
    entries = (os.fsdecode(value).split("=", 1) for key, value in pairs if key == b"env")
    return {entry[0]: entry[1] for entry in entries if len(entry) == 2}


def grace_of(content: bytes) -> float:
    """The kill grace in the bytes of a specification, in seconds."""
    fields = content.split(b"\0")
    return float(dict(zip(fields[::2], fields[1::2], strict=False))[b"grace"])


def decode_status(content: str) -> SupervisorStatus | None:
    """The status in a status file; None where it is unreadable."""
    try:
        return SupervisorStatus(**json.loads(content))
    except (TypeError, ValueError):
        return None


def outcome(status: SupervisorStatus, *, kill_asked: bool) -> tuple[Condition, str]:
    """The final condition of an ended task, and the message in Mesos' words."""
    if status.exit_signal is not None:
        name = signal.strsignal(status.exit_signal) or f"{status.exit_signal}"
        message = f"Command terminated with signal {name}"
    else:
        message = f"Command exited with status {status.exit_code}"
    if kill_asked or status.killed:
        return Condition.KILLED, message
    return (Condition.FINISHED if status.exit_code == 0 else Condition.FAILED), message
