"""What scripts and builds rely on: what is on which stream, exit codes of `down`, variables for options."""

from __future__ import annotations

import subprocess
import sys
import time

from scenario_cli import Cli

SLEEPER = "{id: a, cmd: exec sleep 1000, cpus: 0.01, mem: 16, portDefinitions: []}"
BROKEN = "{id: b, cmd: exit 3, cpus: 0.01, mem: 16, portDefinitions: [], dependencies: [a]}"


def test_in_a_build_progress_is_between_two_lines_and_nothing_is_coloured(cli: Cli) -> None:
    (cli.directory / "b.yaml").write_text(f"blueprint: b\ngroup: {{apps: [{SLEEPER}]}}\n")
    cli.environment |= {"CI": "true", "FORCE_COLOR": "1", "TERM": "xterm-256color", "CIPROV_ENV_UP_BLUEPRINT": "b.yaml"}
    up = cli.ok("env", "up", "Feature/X")
    lines = up.err.splitlines()
    begin, end = lines.index("[ciprov] begin env up Feature/X"), len(lines) - 1
    assert lines[end].startswith("[ciprov] end env up Feature/X: done after ")
    assert begin < end - 1
    assert up.out.startswith("environment feature-x is ready\n")
    assert not {"\x1b", "\r"} & set(up.out + up.err)

    quiet = cli.ok("--quiet", "env", "down", "Feature/X")
    assert (quiet.out, quiet.err) == ("environment feature-x removed: a\n", "")
    cli.environment["CIPROV_QUIET"] = "1"
    assert cli.ok("env", "down", "Feature/X").err == ""


def test_down_takes_what_is_half_made_and_may_be_repeated(cli: Cli) -> None:
    (cli.directory / "b.yaml").write_text(f"blueprint: b\ngroup: {{apps: [{SLEEPER}, {BROKEN}]}}\n")
    failed = cli.run("env", "up", "x", "-b", "b.yaml", "--on-failure", "keep", "--timeout", "20s", "-o", "json")
    assert (failed.code, failed.json["outcome"]) == (1, "failed")
    assert cli.ok("env", "down", "x", "-o", "json").json["environments"][0]["nothing"] is False
    assert cli.ok("env", "down", "x", "-o", "json").json["environments"][0]["nothing"] is True
    assert cli.ok("env", "down", "never-there").out == "environment never-there: nothing was left\n"


def test_down_fails_where_the_cluster_is_away(cli: Cli) -> None:
    """Not with 0, as something may be left there."""
    environment = {**cli.environment, "CIPROV_MARATHON": "http://127.0.0.1:9", "CIPROV_STORE_LOCAL": "1"}
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "ciprov", "env", "down", "x"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert "127.0.0.1:9" in done.stderr
    assert time.monotonic() - began < 100
