"""Each scenario gets a command line with a state directory, and so an embedded cluster, of its own."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from scenario_cli import Cli


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    """A command line with a fresh state directory; whatever it started is ended afterwards."""
    runner = Cli(tmp_path)
    yield runner
    runner.run("local", "stop", "--purge")
    for process in runner.processes():
        process.send_signal(signal.SIGKILL)
