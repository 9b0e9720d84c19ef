"""Which words may stand where the cursor is. It imports none of the commands, so that it is quick."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

Tree = Mapping[str, Any]

FILES, DIRECTORIES = ":files", ":dirs"
"""Lines that let the shell complete paths."""


class Names(Protocol):
    """The names of one kind of things that there are now; `given` are the words of the command so far."""

    def __call__(self, kind: str, given: Mapping[str, str]) -> Sequence[str]: ...


@cache
def commands() -> Tree:
    """All commands, as `scripts/command-reference` wrote them down."""
    tree: Tree = json.loads(files("ciprov.cli.completion").joinpath("commands.json").read_text(encoding="utf-8"))
    return tree


def answer(words: Sequence[str], names: Names, tree: Tree | None = None) -> list[str]:
    """Lines `WORD<TAB>DESCRIPTION`, or `:files` or `:dirs`. `words` begin with the program and end with what is to be
    completed, which may be empty.
    """
    *before, current = _joined(words[1:]) or [""]
    place = _Place(commands() if tree is None else tree, before)
    if place.awaited is not None:
        return list(_values(place.awaited, current, names, place.given))
    if not place.literal and current.startswith("-"):
        name, equals, begun = current.partition("=")
        if equals:
            option = place.option(name)
            return [] if option is None else list(_values(option, begun, names, place.given))
        return [
            f"{name}\t{option['help']}"
            for option in place.options()
            for name in option["names"]
            if name.startswith(current) and (name.startswith("--") or len(current) == 1)
        ]
    if place.node.get("commands"):
        found = place.node["commands"].items()
        return [f"{name}\t{node['help']}" for name, node in found if name.startswith(current)]
    argument = place.argument()
    return [] if argument is None else list(_values(argument, current, names, place.given))


def _joined(words: Sequence[str]) -> list[str]:
    """bash takes `--option=value` apart."""
    found: list[str] = []
    for word in words:
        if word == "=" and found and found[-1].startswith("--"):
            found[-1] += "="
        elif found and found[-1].startswith("--") and found[-1].endswith("="):
            found[-1] += word
        else:
            found.append(word)
    return found


class _Place:
    """Where the cursor is: the command, what was given to it, and whether an option waits for its value."""

    def __init__(self, tree: Tree, before: Sequence[str]) -> None:
        self.node = tree
        self.passed = [tree]
        self.given: dict[str, str] = {}
        self.awaited: Tree | None = None
        self.literal = False
        self.arguments = 0
        for word in before:
            self._take(word)

    def _take(self, word: str) -> None:
        if self.awaited is not None:
            self.given[self.awaited["name"]] = word
            self.awaited = None
        elif word == "--":
            self.literal = True
        elif not self.literal and word.startswith("-") and len(word) > 1:
            name, equals, value = word.partition("=")
            option = self.option(name)
            if option is None or option["kind"] == "flag":
                if option is not None:
                    self.given[option["name"]] = "true"
            elif equals:
                self.given[option["name"]] = value
            else:
                self.awaited = option
        elif word in self.node.get("commands", {}):
            self.node = self.node["commands"][word]
            self.passed.append(self.node)
        else:
            argument = self.argument()
            if argument is not None:
                self.given.setdefault(argument["name"], word)
            self.arguments += 1

    def options(self) -> Sequence[Tree]:
        """Those of the command itself."""
        options: Sequence[Tree] = self.node.get("options", ())
        return options

    def option(self, name: str) -> Tree | None:
        return next((one for one in self.options() if name in one["names"]), None)

    def argument(self) -> Tree | None:
        """The one whose turn it is."""
        arguments: Sequence[Tree] = self.node.get("arguments", ())
        if self.arguments < len(arguments):
            return arguments[self.arguments]
        return arguments[-1] if arguments and arguments[-1].get("many") else None


def _values(taker: Tree, begun: str, names: Names, given: Mapping[str, str]) -> Iterator[str]:
    kind = taker["kind"]
    if kind == "choice":
        yield from (f"{one}\t" for one in taker["choices"] if one.startswith(begun))
    elif kind == "file":
        yield FILES
    elif kind == "directory":
        yield DIRECTORIES
    elif kind not in ("text", "flag"):
        yield from (f"{one}\t" for one in names(kind, given) if one.startswith(begun))
