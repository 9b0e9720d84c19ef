"""The completion of each shell, in the shell itself: what stands on the command line after Tab."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "ciprov/cli/completion"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With `ciprov` in its PATH, two clusters in its settings, and a file."""
    home = tmp_path_factory.mktemp("home")
    program = home / "bin" / "ciprov"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m ciprov "$@"\n')
    program.chmod(0o755)
    (home / ".config/ciprov").mkdir(parents=True)
    (home / ".config/ciprov/config.yaml").write_text(
        "clusters: {production: {marathon: http://p}, staging: {marathon: http://s}}\n"
    )
    (home / "shop front.yaml").write_text("")
    return home


def environment(home: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("CIPROV_", "XDG_"))}
    kept["PATH"] = f"{home / 'bin'}:{kept['PATH']}"
    return {**kept, "HOME": str(home), "TERM": "dumb", "PYTHONPATH": str(SCRIPTS.parents[2]), "LC_ALL": "C.UTF-8"}


def needed(shell: str) -> str:
    found = shutil.which(shell)
    if found is None:
        told = f"there is no {shell} here"
        pytest.fail(told) if os.environ.get("CIPROV_TEST_SERVICES") == "required" else pytest.skip(told)
    return str(found)


LINES = [
    ("ciprov env do", "ciprov env down "),
    ("ciprov --cluster prod", "ciprov --cluster production "),
    ("ciprov env up x --on-failure ke", "ciprov env up x --on-failure keep "),
    ("ciprov env up x --blu", "ciprov env up x --blueprint "),
    ("ciprov env up x -b sh", "ciprov env up x -b shop\\ front.yaml "),
    ("ciprov jobs check sh", "ciprov jobs check shop\\ front.yaml "),
    ("ciprov local agent ret", "ciprov local agent return "),
]


@pytest.mark.parametrize(("typed", "becomes"), LINES, ids=[typed for typed, _ in LINES])
def test_bash(home: Path, typed: str, becomes: str) -> None:
    assert after_tab([needed("bash"), "--norc", "--noprofile", "-i"], home, typed, "bash").startswith(becomes)


@pytest.mark.parametrize(("typed", "becomes"), LINES, ids=[typed for typed, _ in LINES])
def test_zsh(home: Path, typed: str, becomes: str) -> None:
    assert after_tab([needed("zsh"), "-f", "-i"], home, typed, "zsh").startswith(becomes)


def after_tab(command: list[str], home: Path, typed: str, shell: str) -> str:
    """The line once Tab was pressed behind `typed`: what the shell would run is written to a file in its place."""
    line, result = home / "line", home / "result"
    result.unlink(missing_ok=True)
    setup = {
        "bash": f'source <(ciprov completion bash); bind -x \'"\\C-g": printf %s "$READLINE_LINE" >{result}\'',
        "zsh": "autoload -U compinit; compinit -u -D; source <(ciprov completion zsh); "
        f"_told() {{ print -rn -- $BUFFER >{result} }}; zle -N _told; bindkey '^G' _told",
    }[shell]
    line.write_text(setup + "\n")
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(home)
        os.execve(command[0], command, environment(home))
    try:
        _read(terminal, 0.3)
        os.write(terminal, f". {line}; echo re''ady\n".encode())
        assert "ready" in _until(terminal, "ready"), "the script could not be loaded"
        os.write(terminal, typed.encode() + b"\t")
        # The shell takes keys in their order, so this one is read once the completion is done.
        os.write(terminal, b"\x07")
        end = time.monotonic() + 20
        while not result.exists() or not result.read_text():
            assert time.monotonic() < end, _read(terminal, 0.2)
            _read(terminal, 0.05)
        return result.read_text()
    finally:
        os.close(terminal)
        os.waitpid(child, 0)


def _until(terminal: int, words: str) -> str:
    end, said = time.monotonic() + 20, ""
    while not re.search(rf"^{words}", said, re.M) and time.monotonic() < end:
        said += _read(terminal, 0.1)
    return said


def _read(terminal: int, seconds: float) -> str:
    """What comes until nothing comes for so long."""
    said = b""
    while select.select([terminal], [], [], seconds)[0]:
        said += os.read(terminal, 65536)
    return said.decode(errors="replace")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("ciprov env do", ["down"]),
        ("ciprov --cluster ", ["production", "staging"]),
        ("ciprov env up x --on-failure ke", ["keep"]),
        ("ciprov env up x --blu", ["--blueprint"]),
        ("ciprov env up x -b sh", ["shop front.yaml"]),
    ],
)
def test_fish(home: Path, typed: str, offered: list[str]) -> None:
    """fish tells what it would offer."""
    script = f"ciprov completion fish | source; complete -C '{typed}'"
    done = subprocess.run(
        [needed("fish"), "--no-config", "-c", script],
        env=environment(home),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert [line.partition("\t")[0].replace("\\ ", " ") for line in done.stdout.splitlines()] == offered


@pytest.mark.parametrize(("shell", "check"), [("bash", "bash -n"), ("zsh", "zsh -n"), ("fish", "fish --no-execute")])
def test_each_script_is_one_of_its_shell(shell: str, check: str) -> None:
    needed(shell)
    subprocess.run([*check.split(), SCRIPTS / f"ciprov.{shell}"], check=True, capture_output=True)
