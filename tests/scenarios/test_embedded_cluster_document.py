"""The commands of docs/embedded-cluster.md, run in their order; what they print is what the document says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from scenario_cli import REPOSITORY, Cli

DOCUMENT = REPOSITORY / "docs" / "embedded-cluster.md"
MARK = "--- end of block"


def blocks() -> list[tuple[str, str | None]]:
    """Each `sh` block with the `text` block that follows it, if one does."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", DOCUMENT.read_text(), re.M | re.S)
    pairs = pairwise([*found, ("", "")])
    return [(body, after if kind == "text" else None) for (shell, body), (kind, after) in pairs if shell == "sh"]


def as_pattern(expected: str) -> str:
    """`…` stands for anything within a line."""
    return "\n".join(re.escape(line).replace("…", ".*") for line in expected.rstrip("\n").split("\n"))


@pytest.mark.parametrize("kind", ["sh", "text"])
def test_there_is_something_to_run(kind: str) -> None:
    assert DOCUMENT.read_text().count(f"```{kind}\n") >= 5


def test_its_commands_print_what_it_says(cli: Cli, tmp_path: Path) -> None:
    command = tmp_path / "bin" / "ciprov"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ciprov --local "$@"\n')
    command.chmod(0o755)
    script = "".join(f"{body}\necho '{MARK}'\n" for body, _ in blocks())
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={**cli.environment, "PATH": f"{command.parent}:{os.environ['PATH']}"},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    printed = done.stdout.split(f"{MARK}\n")
    assert done.returncode == 0, f"after:\n{printed[-1]}\n{done.stderr}"
    for (body, expected), output in zip(blocks(), printed, strict=False):
        if expected is not None:
            assert re.fullmatch(as_pattern(expected), output.rstrip("\n")), f"{body}\nprinted\n{output}"
