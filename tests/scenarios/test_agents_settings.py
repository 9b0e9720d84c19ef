"""Settings that change under a running service: what holds at once, what at the next start; no secret leaks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agents_world import World, world

WARM = {"labels": ["warm"], "warm": 1, "env": {"NEXUS": {"from_file": "nexus"}, "DB": {"from_env": "DB_PASSWORD"}}}
SECRETS = ("n3xus-one", "n3xus-two", "db-hunter2")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("agents-settings")
    (directory / "nexus").write_text("n3xus-one\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DB_PASSWORD", "db-hunter2")
        with world("embedded", directory, {"warm": WARM}) as found:
            yield found


def idle(running: World) -> str:
    """The one agent that is kept ready."""
    names: list[str] = []

    def one() -> bool:
        names[:] = [name for name, agent in running.agents().items() if agent["phase"] == "online"]
        return len(names) == 1 and len(running.agents()) == 1

    running.eventually(one, "one agent is idle")
    return names[0]


def texts(directory: Path) -> Iterator[tuple[Path, bytes]]:
    """All that the service and the store wrote."""
    for file in directory.rglob("*"):
        if file.is_file() and file.name not in {"nexus", "settings.yaml"}:
            yield file, file.read_bytes()


def test_another_value_of_a_secret_retires_idle_agents_and_is_written_nowhere(running: World) -> None:
    first = idle(running)
    running.cli.ok("agents", "reload")
    assert idle(running) == first, "nothing changed"
    (running.directory / "nexus").write_text("n3xus-two\n")
    running.cli.ok("agents", "reload")
    running.eventually(lambda: first not in running.agents(), "the agent with the old value goes")
    assert running.cli.ok("agents", "status", first, "-o", "json").json["cause"] == "retired"
    second = idle(running)
    assert second != first
    running.freestyle("secretive", "warm", "sleep 1")
    assert running.built("secretive")["result"] == "SUCCESS"
    idle(running)  # while a task starts, its supervisor is handed a file that it reads and removes
    leaks = [str(file) for file, text in texts(running.directory) if any(secret.encode() in text for secret in SECRETS)]
    assert leaks == []


def test_limits_change_without_an_end_of_agents_and_what_wants_a_restart_is_told(running: World) -> None:
    before = idle(running)
    running.configure({"warm": {**WARM, "idle": "3m", "priority": 3, "most": 5}}, name="other", listen="127.0.0.1:1")
    running.cli.ok("agents", "reload")
    told: list[Any] = running.service.told("reloaded")
    assert "agents.name, agents.listen changed: that holds from the next start only" in [one["text"] for one in told]
    assert idle(running) == before
