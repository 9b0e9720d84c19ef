"""The parameters that placeholders of the sources become. Only those that the blueprint uses are written."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ciprov.environments.blueprint.nodes import NOWHERE, Node, Place
from ciprov.environments.importing.references import DOLLAR, names_in, ref

_SECRET = re.compile(r"passw|passphrase|secret|token|credential|api_?key|private_?key|access_?key|(^|_)pwd($|_)", re.I)
_NO_SECRET = re.compile(r"(_file|_path|_dir|_name|_id|_url|_uri|_ttl|_expir\w*|_enabled|_policy)$", re.I)


def looks_secret(name: str) -> bool:
    """Whether a variable or parameter of this name most likely holds a secret."""
    return _SECRET.search(name) is not None and _NO_SECRET.search(name) is None


def parameter_name(text: str) -> str:
    """`text` as the name of a parameter."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_-")[:60]
    return name if name and (name[0].isalpha() or name[0] == "_") else f"p_{name}" if name else "value"


@dataclass
class Declared:
    """One parameter. `default` None: a value must be given. `type` "" is text, until a use demands another."""

    name: str
    default: str | None = None
    type: str = ""
    description: str = ""
    at: Place = NOWHERE

    @property
    def final_type(self) -> str:
        if self.type and (self.default is None or self._fits()):
            return self.type
        return "secret" if not self.type and looks_secret(self.name) else "string"

    def _fits(self) -> bool:
        default = self.default or ""
        if OPEN_NAMES.search(default) or self.type == "string":
            return True
        if self.type == "integer":
            return re.fullmatch(r"-?\d{1,15}", default) is not None
        if self.type == "number":
            return re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", default) is not None
        return default in {"true", "false"}

    def as_node(self) -> Node:
        """The declaration as it stands in the header."""
        final = self.final_type
        members: dict[str, object] = {"type": final}
        if self.default is not None:
            members["default"] = self._typed(final, self.default)
        if self.description:
            members["description"] = self.description
        return Node({key: Node(value, self.at, self.at) for key, value in members.items()}, self.at, self.at)

    def _typed(self, final: str, default: str) -> object:
        if OPEN_NAMES.search(default):
            return default
        if final == "integer":
            return int(default)
        if final == "number":
            return float(default) if "." in default else int(default)
        return default == "true" if final == "boolean" else default


OPEN_NAMES = re.compile("\ufdd0")


@dataclass
class Parameters:
    """All parameters that came up, by name."""

    known: dict[str, Declared] = field(default_factory=dict)

    def declare(self, name: str, node: Node, default: str | None = None, description: str = "", kind: str = "") -> str:
        """A placeholder for parameter `name`, declared now if it is new. A default that comes later is taken over."""
        found = self.known.setdefault(name, Declared(name, default, kind, description, node.at))
        if found.default is None and default is not None:
            found.default = default
        if not found.description:
            found.description = description
        return ref(name)

    def use_as(self, name: str, kind: str) -> None:
        """A use that demands `integer`, `number` or `boolean`. `integer` fits where a number does, not vice versa."""
        found = self.known.get(name)
        if found is not None and found.type != "integer":
            found.type = kind

    def free_name(self, wanted: str) -> str:
        """`wanted`, or where that is taken, with a number behind it."""
        name, number = wanted, 2
        while name in self.known:
            name, number = f"{wanted}_{number}", number + 1
        return name

    def used_in(self, texts: list[str]) -> dict[str, Declared]:
        """Those that `texts` need, directly or through the defaults of others."""
        found: dict[str, Declared] = {}
        waiting = [name for text in texts for name in names_in(text)]
        if any(f"${chr(0xFDD0)}" in text for text in texts):
            self.known.setdefault(DOLLAR, Declared(DOLLAR, "$", "string", "A dollar sign before a placeholder."))
            waiting.append(DOLLAR)
        while waiting:
            name = waiting.pop()
            if name in self.known and name not in found:
                found[name] = self.known[name]
                waiting += names_in(found[name].default or "")
        return {name: declared for name, declared in self.known.items() if name in found}
