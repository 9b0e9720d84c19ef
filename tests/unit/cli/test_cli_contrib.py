"""The units and the crontab of contrib/, and the command lines in them and in docs/cron.md."""

import configparser
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest
from command_lines import parse

ROOT = Path(__file__).resolve().parents[3]
UNITS = sorted((ROOT / "contrib/systemd").iterdir())
CRONTAB = ROOT / "contrib/cron/ciprov"
FIELD = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 7)}


def lines_of_unit(file):
    reader = configparser.ConfigParser(strict=False, interpolation=None)
    reader.optionxform = str
    reader.read_string(file.read_text())
    return reader


def jobs():
    lines = [line for line in CRONTAB.read_text().splitlines() if line and not line.startswith("#")]
    return [line.split(None, 6) for line in lines if not re.match(r"\w+=", line)]


def commands():
    for file in UNITS:
        service = lines_of_unit(file)
        for key in ("ExecStart", "ExecReload"):
            if service.has_option("Service", key):
                yield file.name, service["Service"][key]
    for job in jobs():
        yield "crontab", job[6]
    text = (ROOT / "docs/cron.md").read_text()
    for block in re.findall(r"```sh\n(.*?)```", text, re.S):
        yield from (("docs/cron.md", line) for line in block.splitlines() if line.startswith("ciprov "))


@pytest.mark.parametrize(("where", "line"), list(commands()))
def test_each_command_line_is_one_of_ciprov(where, line):
    first = re.split(r"\s*(?:>>|>|&&|\|)", line)[0]
    words = shlex.split(first)
    assert Path(words[0]).name == "ciprov", where
    assert not isinstance(parse(words[1:]), click.Group)


@pytest.mark.parametrize("unit", UNITS, ids=lambda file: file.name)
def test_units_are_whole(unit):
    found = lines_of_unit(unit)
    assert found["Unit"]["Description"]
    if unit.suffix == ".timer":
        assert unit.with_suffix(".service").exists()
        assert found["Install"]["WantedBy"] == "timers.target"
        return
    assert found["Service"]["ExecStart"].startswith("/usr/local/bin/ciprov ")
    assert found["Service"]["Type"] in ("oneshot", "exec")
    assert found["Service"]["User"] == "ciprov"


def test_systemd_finds_nothing_wrong(tmp_path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("there is no systemd here; the units are read by the other test")
    program = tmp_path / "ciprov"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace("/usr/local/bin/ciprov", str(program)))
    done = subprocess.run(
        [analyze, "verify", "--man=no", *(str(tmp_path / unit.name) for unit in UNITS)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"},
    )
    told = [line for line in done.stderr.splitlines() if "ciprov-" in line]
    assert (done.returncode, told) == (0, []), done.stderr


def test_the_crontab_is_one():
    assert len(jobs()) == 3
    for *when, user, command in jobs():
        assert user == "ciprov"
        assert "%" not in command, "cron takes % for the end of the line"
        for text, (name, (least, most)) in zip(when, FIELD.items(), strict=True):
            for part in text.split(","):
                found = re.fullmatch(r"(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?", part)
                assert found, (name, text)
                assert all(least <= int(number) <= most for number in found.groups()[:2] if number), (name, text)


def test_each_file_is_told_of():
    text = (ROOT / "docs/cron.md").read_text()
    for file in (*UNITS, CRONTAB):
        assert str(file.relative_to(ROOT)) in text
