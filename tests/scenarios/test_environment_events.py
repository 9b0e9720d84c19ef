"""What was done to environments, and what happens to them, as the command line tells it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from scenario_cli import Cli, eventually
from soak_hands import BLUEPRINT

from ciprov.store.sqlite import SqliteStore

MADE = ("--blueprint", "tiny.yaml")


def follow(cli: Cli, file: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ciprov", "--local", "env", "events", "--follow", *arguments]
    with file.open("w") as out:
        return subprocess.Popen(
            command, env=cli.environment, cwd=cli.directory, stdout=out, stderr=subprocess.STDOUT, text=True
        )


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines() if line.startswith("{")]


def test_what_happens_is_followed_while_it_happens_and_told_afterwards(cli: Cli) -> None:
    (cli.directory / "tiny.yaml").write_text(BLUEPRINT)
    cli.ok("local", "start")
    everything, of_copy = cli.directory / "all", cli.directory / "copy"
    followers = [follow(cli, everything, "-o", "json"), follow(cli, of_copy, "copy")]
    try:
        eventually(lambda: "are heard" in everything.read_text() and "are heard" in of_copy.read_text())
        cli.ok("env", "up", "One", *MADE)
        cli.ok("env", "clone", "One", "copy")
        cli.ok("env", "pin", "one", "--reason", "demo")
        cli.ok("local", "stop")
        eventually(lambda: "are lost" in of_copy.read_text())
        cli.ok("local", "start")
        # Each finds the way back by itself; what happens before is not told again.
        eventually(lambda: all(told.read_text().count("are heard") == 2 for told in (everything, of_copy)))
        cli.ok("env", "down", "one", "copy")
        eventually(lambda: [one for one in lines(everything) if one["subject"] == "down" and one["state"] == "removed"])
        eventually(lambda: "down: removed" in of_copy.read_text())
    finally:
        for follower in followers:
            follower.send_signal(signal.SIGINT)
    assert [follower.wait(10) for follower in followers] == [130, 130]
    assert "Traceback" not in everything.read_text() + of_copy.read_text()
    heard = [(one["environment"], one["sort"], one["subject"], one["state"]) for one in lines(everything)]
    for expected in (
        ("one", "operation", "up", "began"),
        ("one", "operation", "up", "ready"),
        ("one", "task", "app", "running"),
        ("copy", "operation", "clone", "ready"),
        ("one", "operation", "pin", "done"),
        ("one", "task", "app", "killed"),
    ):
        assert heard.count(expected) >= 1, (expected, heard)
    assert "  one  " not in of_copy.read_text()
    _told_afterwards(cli)


def _told_afterwards(cli: Cli) -> None:
    found = cli.ok("env", "history", "one", "-o", "json").json
    assert found["recorded"] is False
    assert [one["operation"] for one in found["history"]] == ["up", "pin", "down"]
    assert all(one["state"] == "ended" and one["who"] and one["seconds"] >= 0 for one in found["history"])
    assert "of one: 1 to create" in cli.ok("env", "history", "copy").out
    assert [one["subject"] for one in cli.ok("env", "events", "copy", "-o", "json").json["events"]] == ["clone", "down"]
    assert len(cli.ok("env", "events", "-n", "2").out.splitlines()) == 2
    unknown = cli.run("env", "history", "nothing")
    assert unknown.code == 1
    assert "nothing was ever recorded of environment nothing" in unknown.err


def test_an_operation_that_was_killed_is_cut_short_in_the_history_and_resuming_it_is_told(cli: Cli) -> None:
    (cli.directory / "tiny.yaml").write_text(BLUEPRINT)
    killed = cli.start("env", "up", "one", *MADE)
    eventually((cli.state / "state.db").exists)
    store = SqliteStore(cli.state / "state.db")
    eventually(lambda: store.history("local", "one"))
    killed.kill()
    store.close()
    killed.wait()
    (cut,) = cli.ok("env", "history", "one", "-o", "json").json["history"]
    assert (cut["operation"], cut["state"], cut["seconds"]) == ("up", "cut short", None)
    cli.ok("env", "resume", "one")
    history = cli.ok("env", "history", "one", "-o", "json").json["history"]
    assert [(one["operation"], one["summary"].partition(":")[0]) for one in history][1:] == [("resume", "up")]


def test_following_ends_quietly_once_nobody_reads_any_more(cli: Cli) -> None:
    cli.ok("local", "start")
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "ciprov", "--local", "env", "events", "--follow"]
    errors = cli.directory / "errors"
    with errors.open("w") as file:
        follower = subprocess.Popen(command, env=cli.environment, cwd=cli.directory, stdout=writing, stderr=file)
    os.close(writing)
    try:
        assert os.read(reading, 10)
        os.close(reading)
        began = time.monotonic()
        assert follower.wait(15) == 1
        assert time.monotonic() - began < 10
    finally:
        follower.kill()
    assert errors.read_text() == ""


def test_names_that_differ_in_case_or_slashes_alone_never_become_one_environment(cli: Cli) -> None:
    (cli.directory / "tiny.yaml").write_text(BLUEPRINT)
    cli.ok("env", "up", "feature/X", *MADE)
    for other in ("feature/x", "feature-X", "Feature/X", "feature//X"):
        refused = cli.run("env", "up", other, *MADE)
        assert refused.code == 1, other
        assert f"'{other}' and 'feature/X' both shorten to the environment name 'feature-x'" in refused.err
    assert cli.ok("env", "up", "feature-x", *MADE, "-o", "json").json["outcome"] == "unchanged"


def test_two_that_come_up_at_the_same_time_never_get_the_same_service_port(cli: Cli) -> None:
    (cli.directory / "tiny.yaml").write_text(BLUEPRINT)
    cli.ok("local", "start")
    running = [cli.start("env", "up", f"e{number}", *MADE) for number in range(4)]
    assert [process.wait(90) for process in running] == [0, 0, 0, 0]
    shown = [cli.ok("env", "show", f"e{number}", "-o", "json").json["endpoints"] for number in range(4)]
    assert len({endpoint["port"] for one in shown for endpoint in one}) == 4
