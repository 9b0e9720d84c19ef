"""Texts of Marathon definitions: template placeholders become parameters, what only looks like one is told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ciprov.environments.blueprint.nodes import Node
from ciprov.environments.importing import templates
from ciprov.environments.importing.identifiers import legal_path
from ciprov.environments.importing.parameters import Parameters, parameter_name
from ciprov.environments.importing.sources import Report, file_of
from ciprov.environments.importing.templates import Masked

_DOLLAR = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_.\-]*)\}")
_OF_MARATHON = re.compile(r"PORT(\d+|S|_\w+)?|HOST|MESOS_\w+|MARATHON_\w+")
_NO_MASK = Masked("")


@dataclass
class Texts:
    """Turns the texts of all Marathon files into those of the blueprint. `masks` are by file."""

    masks: Mapping[str, Masked]
    parameters: Parameters
    report: Report

    def mask_of(self, node: Node) -> Masked:
        return self.masks.get(file_of(node), _NO_MASK)

    def has_marks(self, text: str, node: Node) -> bool:
        return any(original for _, original in templates.split(text, self.mask_of(node)))

    def shown(self, text: str, node: Node) -> str:
        """`text` as the file has it."""
        return templates.restored(text, self.mask_of(node))

    def filled(self, node: Node, key: str, *, is_command: bool, is_env: bool) -> Node:
        """`node`, a text, with parameters in place of its placeholders."""
        parts: list[str] = []
        for literal, original in templates.split(node.value, self.mask_of(node)):
            if literal:
                parts.append(self._literal(literal, node, key, is_command=is_command, is_env=is_env))
            elif is_command and original.startswith("%{"):
                self._left(node, key, original)
                parts.append(original)
            elif templates.is_for_later(original):
                message = f"{original} is carried as it stands: it looks like a template that a program reads"
                self.report.lost(node, key, message)
                parts.append(original)
            else:
                parts.append(self._parameter(templates.name_in(original), original, node, key))
        text = "".join(parts)
        return node.with_value(text) if text != node.value else node

    def path(self, node: Node, key: str, *, is_app: bool, told: bool = True) -> str:
        """An id or dependency as a legal path, with the names of placeholders in their place."""
        text: str = node.value
        plain = "".join(
            literal or re.sub(r"[^A-Za-z0-9]+", "-", templates.name_in(original)).strip("-")
            for literal, original in templates.split(text, self.mask_of(node))
        )
        plain = _DOLLAR.sub(lambda match: re.sub(r"[^A-Za-z0-9]+", "-", match["name"]), plain)
        legal = legal_path(plain, is_app=is_app)
        if legal != text and told:
            shown = self.shown(text, node)
            reason = "placeholders cannot stand in ids" if plain != text else "it is no legal id"
            self.report.lost(
                node, key, f"{shown!r} becomes {legal!r}: {reason}", "addresses that follow from it change"
            )
        return legal

    def _literal(self, text: str, node: Node, key: str, *, is_command: bool, is_env: bool) -> str:
        if re.fullmatch(r"\?\?\?+", text.strip()) and text.strip() == str(node.value).strip():
            name = key.rpartition(".")[2].partition("[")[0]
            return self._parameter(name, text.strip(), node, key)
        for mark in templates.bare_marks(text):
            self._left(node, key, mark)
        if is_command:
            return text

        def parameter(match: re.Match[str]) -> str:
            name = match["name"]
            if _OF_MARATHON.fullmatch(name):
                return match.group()
            if is_env:
                message = f"{match.group()} is carried as it stands: it may be meant for a shell in the task"
                self.report.lost(node, key, message, "if a template is meant, make it a parameter")
                return match.group()
            return self._parameter(name, match.group(), node, key)

        return _DOLLAR.sub(parameter, text)

    def _left(self, node: Node, key: str, mark: str) -> None:
        message = f"{mark} looks like a placeholder; it is carried as it stands"
        self.report.lost(node, key, message, "if a template is meant, make it a parameter: ${name}")

    def _parameter(self, name: str, original: str, node: Node, key: str) -> str:
        wanted = parameter_name(name)
        if wanted not in self.parameters.known:
            message = f"the placeholder {original} becomes the parameter {wanted}"
            self.report.translated(node, key, message)
        about = "" if original.startswith("$") else f"In place of {original}."
        return self.parameters.declare(wanted, node, description=about)
