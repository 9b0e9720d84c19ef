"""The commands that there are, as a document: for completion, and for the reference in `docs/commands.md`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

import click

from ciprov.cli.lazy import LazyGroup
from ciprov.wiring.names import AGENT, APP, CLUSTER, ENVIRONMENT, TEMPLATE

_EVERYWHERE = {
    **dict.fromkeys(("blueprint", "config", "file", "files", "paths", "target"), "file"),
    **dict.fromkeys(("directory", "state_dir"), "directory"),
    "cluster": CLUSTER,
}
_NAMES = {
    "env": {"name": ENVIRONMENT, "names": ENVIRONMENT, "source": ENVIRONMENT, "app": APP, "target": ENVIRONMENT},
    "agents": {"agent": AGENT, "agents": AGENT, "template": TEMPLATE, "templates": TEMPLATE, "name": TEMPLATE},
}


def children(group: click.Group) -> Iterator[tuple[str, click.Command]]:
    """Commands that are not hidden, in the order of help."""
    if isinstance(group, LazyGroup):
        for name, (module, attribute, _) in group.commands_at.items():
            yield name, getattr(import_module(module), attribute)
    else:
        yield from group.commands.items()


def walk(command: click.Command, path: Sequence[str] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """All groups and commands below `command`, with the words that lead there."""
    yield tuple(path), command
    if isinstance(command, click.Group):
        for name, child in children(command):
            yield from walk(child, (*path, name))


def tree(command: click.Command, path: Sequence[str] = ()) -> dict[str, Any]:
    found: dict[str, Any] = {"help": short(command)}
    group = path[0] if path else ""
    options = [_option(one, group) for one in command.params if isinstance(one, click.Option)]
    found["options"] = [*options, {"names": ["--help"], "name": "help", "kind": "flag", "help": "Show help."}]
    arguments = [one for one in command.params if isinstance(one, click.Argument) and one.metavar != ""]
    if arguments:
        found["arguments"] = [_argument(one, group) for one in arguments]
    if isinstance(command, click.Group):
        found["commands"] = {name: tree(child, (*path, name)) for name, child in children(command)}
    return found


def short(command: click.Command) -> str:
    """The first sentence of its help."""
    return sentence(command.help or "")


def sentence(text: str) -> str:
    first = text.strip().split("\n\n")[0]
    return " ".join(first.split()).partition(". ")[0].rstrip(".")


def _option(option: click.Option, group: str) -> dict[str, Any]:
    names = [*option.opts, *option.secondary_opts]
    found: dict[str, Any] = {"names": names, "name": option.name, **_kind(option, group)}
    return {**found, "help": sentence(option.help or "")}


def _argument(argument: click.Argument, group: str) -> dict[str, Any]:
    return {"name": argument.name, **_kind(argument, group), **({"many": True} if argument.nargs == -1 else {})}


def _kind(parameter: click.Parameter, group: str) -> dict[str, Any]:
    name = parameter.name or ""
    if isinstance(parameter, click.Option) and (parameter.is_flag or parameter.count):
        return {"kind": "flag"}
    if isinstance(parameter.type, click.Choice):
        return {"kind": "choice", "choices": [str(one) for one in parameter.type.choices]}
    return {"kind": _NAMES.get(group, {}).get(name) or _EVERYWHERE.get(name, "text")}
