"""The command line's frame: help, exit codes, and that nothing but a message comes of a failure."""

from __future__ import annotations

import errno
import importlib
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from ruamel.yaml import YAML

from ciprov.cli.env.request import duration, pair, tell_findings
from ciprov.cli.failures import report
from ciprov.cli.invocation import Invocation
from ciprov.cli.lazy import LazyGroup
from ciprov.cli.main import cli, main
from ciprov.environments.blueprint.findings import Finding, Severity
from ciprov.foundation.errors import CiprovError, UsageError


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings, state or variables of whoever runs the tests."""
    for name in ("CI", "CIPROV_CONFIG", "CIPROV_CLUSTER", "CIPROV_LOCAL", "CIPROV_MARATHON", "CIPROV_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("CIPROV_STATE_DIR", str(tmp_path / "state"))


def groups(group: LazyGroup, path: str = "ciprov") -> Iterator[tuple[str, LazyGroup]]:
    yield path, group
    for name, (module, attribute, _) in group.commands_at.items():
        command = getattr(importlib.import_module(module), attribute)
        if isinstance(command, LazyGroup):
            yield from groups(command, f"{path} {name}")


def test_every_command_is_where_its_group_says_and_has_an_example() -> None:
    assert isinstance(cli, LazyGroup)
    found = 0
    for path, group in groups(cli):
        for name, (module, attribute, text) in group.commands_at.items():
            command = getattr(importlib.import_module(module), attribute)
            assert isinstance(command, click.Command), (path, name)
            assert command.name == name, (path, name)
            assert text.endswith("."), (path, name)
            if not isinstance(command, click.Group):
                found += 1
                assert command.help, (path, name)
                assert "Example" in command.help or name == "path", (path, name)
    assert found >= 10


@pytest.mark.parametrize("arguments", [["--help"], ["env", "--help"], ["env", "up", "--help"], ["config", "-h"]])
def test_help_is_given(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    assert "Usage: ciprov" in capsys.readouterr().out


def test_help_imports_little() -> None:
    """It must start at once: nothing of the services, no YAML, no HTTP."""
    heavy = "{'requests', 'ruamel', 'ruamel.yaml', 'rich', 'sqlite3', 'ciprov.settings', 'ciprov.wiring', 'pydantic'}"
    program = f"""
import sys
from ciprov.cli.main import main
code = main(['--help'])
assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)
sys.exit(code)
"""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "no command 'nothing'; there are: env"),
        (["env", "pln"], "did you mean plan?"),
        (["env", "up"], "Missing argument 'NAME'"),
        (["env", "up", "x", "--param", "hunter2"], "NAME=VALUE or NAME=@FILE"),
        (["env", "up", "x", "--timeout", "soon"], "'soon' is no duration"),
        (["env", "list", "-o", "xml"], "'xml' is not one of"),
        (["--nonsense"], "No such option"),
        (["env", "up", "x", "--nonsense"], "No such option"),
        (["jobs", "sync", "--quiet"], "--quiet goes before the command: ciprov --quiet jobs sync"),
        (["env", "list", "-q"], "-q goes before the command: ciprov -q env list"),
        (["--cluster", "staging", "config", "show"], "no cluster 'staging' is configured"),
        (["--cluster", "a", "--local", "config", "show"], "exclude each other"),
    ],
)
def test_a_wrong_call_is_64_and_starts_nothing(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(arguments) == 64
    said = capsys.readouterr()
    assert words in said.err
    assert said.out == ""
    assert "hunter2" not in said.err
    assert not (tmp_path / "state").exists()


def test_in_ci_the_embedded_cluster_must_be_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CI", "true")
    assert main(["env", "list"]) == 64
    assert "--local" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


def test_wrong_settings_are_one_message(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "config/ciprov").mkdir(parents=True)
    (tmp_path / "config/ciprov/config.yaml").write_text("clusters: {a: {maraton: x}}")
    assert main(["env", "list"]) == 1
    assert "config.yaml:1:16: clusters.a.maraton: unknown key; did you mean marathon?" in capsys.readouterr().err


def test_the_settings_are_shown_with_their_origin_and_without_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pw").write_text("hunter2")
    (tmp_path / "config/ciprov").mkdir(parents=True)
    (tmp_path / "config/ciprov/config.yaml").write_text(
        "clusters:\n  prod:\n    marathon: http://m.example\n    auth: {user: ann, password: hunter3}\n"
    )
    monkeypatch.setenv("CIPROV_MESOS_USER", "mes")
    monkeypatch.setenv("CIPROV_MESOS_PASSWORD_FILE", str(tmp_path / "pw"))
    shown = ""
    for form in ("table", "json", "yaml", "dotenv"):
        assert main(["config", "show", "-o", form]) == 0
        shown += capsys.readouterr().out
    assert "hunter" not in shown
    assert "(hidden)" in shown
    assert str(tmp_path / "pw") in shown
    assert f"{tmp_path}/config/ciprov/config.yaml:4:33" in shown
    assert "variable CIPROV_MESOS_USER" in shown
    assert main(["config", "path"]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/config/ciprov/config.yaml\n"


def test_settings_as_variables_can_be_read_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config/ciprov").mkdir(parents=True)
    (tmp_path / "config/ciprov/config.yaml").write_text(
        "clusters:\n  prod:\n    marathon: [http://a.example, http://b.example]\n"
        "    reap: {protected_names: ['demo-*', main]}\n    quotas: {video: {environments: 5}}\n"
    )
    assert main(["config", "show", "-o", "dotenv"]) == 0
    told = capsys.readouterr()
    assert "CIPROV_MARATHON=http://a.example,http://b.example" in told.out
    assert "left out" in told.err
    assert {"CIPROV_QUOTAS", "CIPROV_REAP_PROTECTED_NAMES"} <= set(re.findall(r"\w+", told.err))
    for line in told.out.splitlines():
        name, _, value = line.partition("=")
        monkeypatch.setenv(name, value)
    assert main(["config", "show", "-o", "dotenv"]) == 0
    assert capsys.readouterr().out == told.out
    assert main(["config", "show", "-o", "json"]) == 0
    assert '"demo-*,main"' in capsys.readouterr().out


def test_showing_the_settings_of_the_embedded_cluster_does_not_start_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["config", "show"]) == 0
    assert "known once it runs" in capsys.readouterr().out
    assert not (tmp_path / "state").exists()


def test_a_blueprint_is_checked_without_any_cluster(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("blueprint: b\ngroup:\n  apps:\n  - {id: a, cmd: 'true', instnaces: 2}\n")
    assert main(["blueprint", "check", str(tmp_path / "b.yaml")]) == 1
    said = capsys.readouterr().out
    assert "b.yaml:4:" in said
    assert "instances" in said
    assert main(["blueprint", "check", str(tmp_path / "none.yaml")]) == 1
    assert "cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (CiprovError("it failed", place="there", way_out="do this"), 1, "error: there: it failed\n  do this\n"),
        (UsageError("not so"), 64, "error: not so\n"),
        (click.UsageError("not so"), 64, "Error: not so\n"),
        (click.Abort(), 130, "interrupted"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_failures_become_a_message_and_an_exit_code(
    error: BaseException, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(error) == code
    assert words in capsys.readouterr().err


def test_a_fault_shows_one_line_and_keeps_its_traceback(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        raise ZeroDivisionError("by nought\nand more")
    assert report(caught.value) == 1
    said = capsys.readouterr().err
    assert "ZeroDivisionError: by nought" in said
    assert "Traceback" not in said
    (file,) = (tmp_path / "state/faults").iterdir()
    assert str(file) in said
    assert "Traceback" in file.read_text()
    assert file.stat().st_mode & 0o077 == 0


def test_who_stops_reading_hears_nothing() -> None:
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m ciprov config show | true"], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""


@pytest.mark.parametrize(("text", "found"), [("90s", 90), ("1h30m", 5400), ("0", 0), (7, 7)])
def test_durations(text: str | int, found: int) -> None:
    assert duration(text) == found


def test_pairs() -> None:
    assert pair("a=b=c") == ("a", "b=c")
    assert pair("a=") == ("a", "")
    for wrong in ("a", "=b", " =b"):
        with pytest.raises(click.BadParameter):
            pair(wrong)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "STATE/local"), "CIPROV_STATE_DIR"),
        (PermissionError(errno.EACCES, "Permission denied", "/elsewhere"), "correct the path"),
        (OSError(errno.ENOSPC, "No space left on device"), "free some space"),
    ],
)
def test_what_the_system_refuses_has_its_way_out(
    error: OSError, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if error.filename:
        error.filename = error.filename.replace("STATE", str(tmp_path / "state"))
    assert report(error) == 1
    told = capsys.readouterr().err
    assert words in told
    assert error.strerror in told


@pytest.mark.parametrize(
    ("encoding", "form", "told"),
    [
        ("latin-1", "json", "a\\u2192b"),
        ("latin-1", "yaml", "a\\u2192b"),
        ("latin-1", "table", "a\\u2192b"),
        ("utf-8", "json", "a→b"),
    ],
)
def test_what_the_terminals_encoding_has_not_is_written_all_the_same(
    encoding: str, form: str, told: str, tmp_path: Path
) -> None:
    (tmp_path / "b.yaml").write_text("blueprint: a→b\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "ciprov", "blueprint", "check", "b.yaml", "-o", form],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    written = done.stdout.decode(encoding)
    assert told in written, done.stderr
    read = {"json": json.loads, "yaml": YAML(typ="safe").load, "table": lambda _: "a→b"}[form](written)
    assert "a→b" in str(read)


def test_a_closed_stdout_is_no_fault(tmp_path: Path) -> None:
    command = shlex.join([sys.executable, "-m", "ciprov", "config", "path"])
    done = subprocess.run(["sh", "-c", f"{command} >&-"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("quiet", "told"), [(False, {"note", "warning"}), (True, {"warning"})])
def test_quiet_leaves_out_notes_on_a_blueprint(quiet: bool, told: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    findings = tuple(Finding("b.yaml", 1, 1, "a", "said", severity=one) for one in (Severity.NOTE, Severity.WARNING))
    with click.Context(cli, obj=Invocation(quiet=quiet)):
        tell_findings(findings)
    said = capsys.readouterr().err
    assert {one for one in ("note", "warning") if one in said} == told
