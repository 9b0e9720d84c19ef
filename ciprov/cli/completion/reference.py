"""The files that are written from the commands: for completion, and the reference for people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from inspect import cleandoc

import click

from ciprov.cli.completion.tree import tree, walk
from ciprov.cli.main import cli
from ciprov.cli.variables import variable

_HEAD = """\
# All commands

Written by `scripts/command-reference` from the commands' own help. `ciprov COMMAND --help` shows the same.

Options before the command, such as `--cluster`, are those of [ciprov](#ciprov) itself. Every option but
`--param` can be given by the variable beside it; what the command line says goes first.
"""


def files() -> Mapping[str, str]:
    """Their texts by path in the repository."""
    document = json.dumps(tree(cli), indent=1, ensure_ascii=False) + "\n"
    return {"ciprov/cli/completion/commands.json": document, "docs/commands.md": "".join(_pages())}


def _pages() -> Iterator[str]:
    yield _HEAD
    for path, command in walk(cli):
        # A command keeps the help options of the first context that asks for them.
        names = cli.context_settings["help_option_names"]
        with click.Context(command, info_name=" ".join(["ciprov", *path]), help_option_names=names) as context:
            usage = " ".join(command.collect_usage_pieces(context))
            yield f"\n## {context.info_name}\n\n```\n{context.info_name} {usage}\n```\n\n{_help(command)}"
            options = [one for one in command.params if isinstance(one, click.Option)]
            if options:
                yield "\n| option | variable | what it does |\n| --- | --- | --- |\n"
                yield from (_row(path, option, context) for option in options)


def _help(command: click.Command) -> str:
    """Paragraphs; what click is told to leave as it is becomes a block under its first line."""
    pieces = []
    for part in re.split(r"\n\s*\n|(?=\x08\n)|(?<=\n)(?=\x08)", cleandoc(command.help or "")):
        lines = [line for line in part.replace("\b", "").splitlines() if line.strip()]
        body = [line[2:] for line in lines if line.startswith("  ")]
        head = " ".join(line for line in lines if not line.startswith("  "))
        pieces += [head, "\n".join(["```sh", *body, "```"]) if body else ""]
    return "\n\n".join(piece for piece in pieces if piece) + "\n"


def _row(path: tuple[str, ...], option: click.Option, context: click.Context) -> str:
    record = option.get_help_record(context)
    cells = [*(record or ("", "")), variable(option, "_".join(["CIPROV", *path]))]
    names, text, name = (cell.replace("|", "\\|") for cell in cells)
    return f"| `{names}` | {f'`{name}`' if name else ''} | {text} |\n"
