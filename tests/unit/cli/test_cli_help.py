"""Help is whole: what each command does, what its options are, and examples that would run."""

import re
import shlex
from inspect import cleandoc
from itertools import takewhile

import click
import pytest
from command_lines import parse

from ciprov.cli.completion.tree import walk
from ciprov.cli.main import cli

COMMANDS = [pytest.param(path, command, id=" ".join(["ciprov", *path])) for path, command in walk(cli)]


def examples(command):
    """The first command of each line in which one stands."""
    for line in re.findall(r"^  (.*\bciprov .*)$", cleandoc(command.help or ""), re.M):
        text = re.sub(r"<\((.*)\)", r"\1", line)
        inner = re.search(r"\$\((ciprov [^)]*)\)", text)
        start = (inner[1] if inner else text).partition("ciprov ")[2]
        words = shlex.shlex(start.replace(" 2>", " >"), posix=True, punctuation_chars=True)
        words.whitespace_split = True
        yield list(takewhile(lambda word: word not in {"&&", "|", ">", ";"}, words))


@pytest.mark.parametrize(("path", "command"), COMMANDS)
def test_help_is_whole(path, command):
    assert command.help, path
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, (path, option.opts)
            assert option.help.endswith((".", "]")), (path, option.opts)
    found = list(examples(command))
    assert found or isinstance(command, click.Group), path
    for example in found:
        parse(example)
    if not isinstance(command, click.Group):
        assert any(" ".join(path) in " ".join(example) for example in found)
