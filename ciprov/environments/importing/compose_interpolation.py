"""`${VAR}` of Compose files: each variable becomes a parameter, with the default that the file or `.env` gives it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ciprov.environments.blueprint.nodes import Node, map_texts
from ciprov.environments.importing.parameters import Parameters, looks_secret
from ciprov.environments.importing.references import ref, shown
from ciprov.environments.importing.sources import Report

_START = re.compile(r"\$(?:(?P<dollar>\$)|(?P<plain>[A-Za-z_][A-Za-z0-9_]*)|(?P<open>\{))")
_BRACED = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<how>:?[-?+])(?P<rest>.*))?", re.DOTALL)
_DEEPEST = 10
_SWARM = re.compile(r"\{\{[^{}]*\}\}")
PROJECT = "COMPOSE_PROJECT_NAME"


@dataclass
class Interpolation:
    """`variables` are those of `.env`."""

    parameters: Parameters
    report: Report
    variables: Mapping[str, str] = field(default_factory=dict)

    def filled(self, node: Node, key: str) -> Node:
        """`node` with all texts below it interpolated."""
        return map_texts(node, lambda text, where: text.with_value(self.text(text.value, text, where)), key)

    def text(self, text: str, node: Node, key: str, depth: int = 0) -> str:
        for swarm in _SWARM.findall(text) if not depth else ():
            self.report.lost(node, key, f"{swarm} is a template of Docker Swarm; it is carried as it stands")
        parts: list[str] = []
        end = 0
        while match := _START.search(text, end):
            parts.append(text[end : match.start()])
            end = match.end()
            if match["dollar"]:
                parts.append("$")
            elif match["plain"]:
                parts.append(self._variable(match["plain"], "", "", node, (key, depth)))
            else:
                close = _closing(text, end)
                inner = _BRACED.fullmatch(text, end, close) if close >= 0 else None
                if inner is None or depth > _DEEPEST:
                    self.report.lost(node, key, "a ${ that begins no variable of Compose stays as it is")
                    parts.append(match.group())
                    continue
                parts.append(self._variable(inner["name"], inner["how"] or "", inner["rest"] or "", node, (key, depth)))
                end = close + 1
        return "".join([*parts, text[end:]])

    def passed_on(self, name: str, node: Node, key: str) -> str | None:
        """The value of a variable that is named without one: None where nothing gives it one."""
        return self._variable(name, "", "", node, (key, 0)) if name in self.variables else None

    def _variable(self, name: str, how: str, rest: str, node: Node, where: tuple[str, int]) -> str:
        key, depth = where
        if name == PROJECT and name not in self.variables:
            return ref("env.name")
        known = self.variables.get(name)
        if how.endswith("+"):
            is_set = bool(known) if how == ":+" else known is not None
            message = f"${{{name}{how}…}} cannot follow the variable: it is taken as {'' if is_set else 'not '}set"
            self.report.lost(node, key, message)
            return self.text(rest, node, key, depth + 1) if is_set else ""
        default: str | None = None
        if known is not None and (known or not how.startswith(":")):
            if looks_secret(name):
                self.report.lost(node, key, f"the value of {name} in .env is left out: it looks like a secret")
            else:
                default = self.text(known, node, key, depth + 1)
        elif how.endswith("-"):
            default = self.text(rest, node, key, depth + 1)
        if name not in self.parameters.known:
            what = "a value must be given" if default is None else f"default {shown(default)!r}"
            told = "has a default" if looks_secret(name) and default is not None else what
            self.report.translated(node, key, f"the variable {name} becomes a parameter: {told}")
        elif default is not None and self.parameters.known[name].default not in {None, default}:
            self.report.lost(node, key, f"{name} has another default here than elsewhere; the first one counts")
        description = rest.strip() if how.endswith("?") and "$" not in rest else ""
        return self.parameters.declare(name, node, default, description)


def _closing(text: str, start: int) -> int:
    """The position of the brace that closes the one before `start`; -1 where none does."""
    depth = 1
    for position in range(start, len(text)):
        if text[position] == "{" and text[position - 1] == "$":
            depth += 1
        elif text[position] == "}":
            depth -= 1
            if not depth:
                return position
    return -1


def variables_of(text: str) -> list[tuple[int, str, str | None]]:
    """The lines of an env file: (line from 1, name, value; None where it has no value). Comments are left out."""
    found: list[tuple[int, str, str | None]] = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        bare = re.sub(r"^\s*export\s+", "", line).strip()
        if not bare or bare.startswith("#"):
            continue
        name, equals, value = bare.partition("=")
        found.append((number, name.strip(), _unquoted(value.strip()) if equals else None))
    return found


def _unquoted(value: str) -> str:
    if value[:1] in {"'", '"'} and (end := value.find(value[0], 1)) > 0:
        inner = value[1:end]
        return inner.replace("\\n", "\n") if value[0] == '"' else inner.replace("$", "$$")
    return re.split(r"\s#", value, maxsplit=1)[0].rstrip()
