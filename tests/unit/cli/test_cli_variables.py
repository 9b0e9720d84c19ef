"""Every option by its variable, and the tables that tell of both."""

import re
from pathlib import Path

import click
import pytest

from ciprov.cli import variables
from ciprov.cli.completion import reference
from ciprov.cli.completion.tree import walk
from ciprov.cli.env.request import duration, lifetime
from ciprov.cli.main import cli
from ciprov.foundation import errors

ROOT = Path(__file__).resolve().parents[3]
OPTIONS = [
    pytest.param(path, option, id=" ".join([*path, option.opts[-1]]))
    for path, command in walk(cli)
    for option in command.params
    if isinstance(option, click.Option) and variables.variable(option, "X")
]


def sample(option):
    if option.is_flag:
        return "1"
    if isinstance(option.type, click.Choice):
        return option.type.choices[-1]
    if option.name == "sorts":
        return "apps"
    kind = getattr(option.type, "func", None)
    if kind in (duration, lifetime):
        return "5m"
    return {"integer": "3", "integer range": "3", "float": "3", "float range": "3"}.get(option.type.name, "word")


def parsed(path, option, given):
    """The option's value where its command is called with its arguments and `given`."""
    # As the command line makes it: a command keeps the help options of the first context that asks for them.
    context = click.Context(cli, info_name="ciprov", **cli.context_settings)
    command = cli
    for word in path:
        command = command.get_command(context, word)
        if word == path[-1]:
            break
        context = click.Context(command, context, word)
    if not path:
        return cli.make_context("ciprov", [*given, "env"], auto_envvar_prefix="CIPROV").params[option.name]
    needed = ["x" for one in command.params if isinstance(one, click.Argument) and one.required]
    if any(one.required and one.name != option.name for one in command.params if isinstance(one, click.Option)):
        needed += ["--to", "x"]
    if "shell" in [one.name for one in command.params]:
        needed = ["bash"]
    return command.make_context(path[-1], [*given, *needed], parent=context).params[option.name]


@pytest.mark.parametrize(("path", "option"), OPTIONS)
def test_an_option_may_be_given_by_the_variable_that_is_called_after_it(path, option, monkeypatch):
    name = variables.variable(option, "_".join(["CIPROV", *path]))
    if option.name not in {"branch", "git_remote", "owner", "jenkins_url"}:
        long = next((one for one in option.opts if one.startswith("--")), "--form")
        assert name == "_".join(["CIPROV", *path, long.strip("-")]).upper().replace("-", "_")
    monkeypatch.delenv(name, raising=False)
    value = "0" if option.secondary_opts else sample(option)
    flag = [*option.opts, *option.secondary_opts][-1]
    said = parsed(path, option, [flag] if option.is_flag else [flag, value])
    monkeypatch.setenv(name, value)
    assert parsed(path, option, ["--to", value] if option.name == "kind" and option.required else []) == said
    if not option.required and not option.multiple:
        monkeypatch.setenv(name, "")
        assert parsed(path, option, []) != said


def test_no_variable_that_ciprov_writes_is_one_that_it_reads():
    written = set()
    for file in (ROOT / "ciprov/cli").rglob("*.py"):
        written |= set(re.findall(r'"(CIPROV_[A-Z_]+)": ', file.read_text()))
    assert len(written) > 20
    read = {variables.variable(option, "_".join(["CIPROV", *path])) for path, option in (one.values for one in OPTIONS)}
    assert written & read == set()


def test_what_is_written_from_the_commands_is_as_they_are():
    for name, text in reference.files().items():
        assert (ROOT / name).read_text() == text, f"{name} is out of date: run scripts/command-reference"


def test_the_table_of_exit_codes_has_them_all():
    text = (ROOT / "docs/json.md").read_text().split("<!-- exit codes -->")[1].split("<!-- end -->")[0]
    told = {name: int(code) for code, name in re.findall(r"^\| (\d+) \| `(\w+)` \|", text, re.M)}
    assert told == {name: value for name, value in vars(errors).items() if isinstance(value, int)}
