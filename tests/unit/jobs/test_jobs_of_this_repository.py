"""What the pipelines of `jobs/` call must be there: commands and options of this command line."""

import re
import shlex
from pathlib import Path

import click
import pytest

from ciprov.cli.main import cli

JOBS = Path(__file__).resolve().parents[3] / "jobs"
CALLS = [
    pytest.param(call, id=f"{file.name}: {call}")
    for file in sorted(JOBS.glob("pipelines/*.groovy"))
    for call in re.findall(r"'ciprov ([^']*)'", file.read_text())
]


@pytest.mark.parametrize("call", CALLS)
def test_a_pipeline_calls_what_there_is(call):
    words = shlex.split(re.sub(r'"\$(IDLE|TTL)"', "5d", re.split(r" (?:>|\|\|) ?", call)[0]))
    command, context = cli, click.Context(cli, info_name="ciprov", **cli.context_settings)
    while isinstance(command, click.Group):
        parent, name = context, words.pop(0)
        command = command.get_command(parent, name)
        assert command is not None, call
        context = click.Context(command, parent, name)
    command.make_context(name, words, parent=parent)


def test_every_pipeline_is_called_by_a_job_and_every_job_has_its_pipeline():
    there = {file.name for file in JOBS.glob("pipelines/*.groovy")}
    text = "".join(file.read_text() for file in JOBS.glob("*.yaml"))
    assert set(re.findall(r"pipelines/([\w.-]+)", text)) == there
    assert len(CALLS) > 8
