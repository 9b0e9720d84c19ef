"""The branches of a git repository elsewhere, by `git ls-remote`: it asks nobody for a password and ends in time."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from contextlib import suppress
from urllib.parse import unquote, urlsplit, urlunsplit

from ciprov.foundation.errors import CiprovError

TIMEOUT_SECONDS = 30.0
_HEAD = re.compile(r"^[0-9a-f]{40,64}\trefs/heads/(.+)$", re.MULTILINE)
_PROTOCOLS = "file:git:http:https:ssh"
_HELPER = (
    '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" "$CIPROV_GIT_USER" "$CIPROV_GIT_PASSWORD"; }; f'
)


class GitError(CiprovError):
    """A repository did not answer, or not with what was asked for. No credential is in it."""


def branches(remote: str, timeout: float = TIMEOUT_SECONDS) -> tuple[str, ...]:
    """The names of all branches of `remote`, an address or a path; never none. Raises `GitError`."""
    bare, variables = _address(remote)
    try:
        process = subprocess.Popen(
            ["git", "ls-remote", "--heads", "--", bare],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment() | variables,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise GitError(f"git cannot be started: {error.strerror}", place=_shown(bare), way_out="install git") from error
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise GitError(f"no answer within {timeout:.0f} s", place=_shown(bare)) from error
    finally:
        _end(process)
    if process.returncode:
        raise GitError(_first_line(err, remote, bare) or f"git ended with {process.returncode}", place=_shown(bare))
    found = tuple(_HEAD.findall(out))
    if not found:
        raise GitError("it answered with no branch at all", place=_shown(bare))
    return found


def _address(remote: str) -> tuple[str, dict[str, str]]:
    """The address without credentials, and variables by which git is told them when it is asked for any.

    Not by `url.*.insteadOf`: git's own helpers would have the whole address on their command lines, which others see.
    """
    remote = remote.strip()
    parts = urlsplit(remote) if "://" in remote else None
    if parts is None or "@" not in parts.netloc or parts.scheme not in ("http", "https"):
        return remote, {}
    credentials, _, host = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    count = os.environ.get("GIT_CONFIG_COUNT", "")
    number = int(count) if count.isdecimal() else 0
    return urlunsplit(parts._replace(netloc=host)), {
        "CIPROV_GIT_USER": unquote(user),
        "CIPROV_GIT_PASSWORD": unquote(password),
        "GIT_CONFIG_COUNT": str(number + 2),
        f"GIT_CONFIG_KEY_{number}": "credential.helper",
        f"GIT_CONFIG_VALUE_{number}": "",  # no other helper is asked, nor told
        f"GIT_CONFIG_KEY_{number + 1}": "credential.helper",
        f"GIT_CONFIG_VALUE_{number + 1}": _HELPER,
    }


def _environment() -> dict[str, str]:
    ssh = os.environ.get("GIT_SSH_COMMAND", "ssh")
    return {
        **os.environ,
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": _PROTOCOLS,
        "GIT_SSH_COMMAND": f"{ssh} -o BatchMode=yes",
        "SSH_ASKPASS_REQUIRE": "never",
        "GCM_INTERACTIVE": "never",
    }


def _end(process: subprocess.Popen[str]) -> None:
    """With whatever it started: a hanging ssh outlives its git."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _first_line(err: str, remote: str, bare: str) -> str:
    text = _shown(err.replace(remote, bare))
    lines = [line.removeprefix("fatal: ").strip() for line in text.splitlines() if line.strip()]
    return next((line for line in lines if not line.startswith("warning:")), "")


def _shown(text: str) -> str:
    return re.sub(r"(\w+://)[^/@\s]+@", r"\1", text)
