"""Reads a blueprint's text. Whatever the text is, the answer is a blueprint and findings, never an exception."""

from __future__ import annotations

from ciprov.environments.blueprint.findings import Finding
from ciprov.environments.blueprint.records import Blueprint


def load(text: str, file: str) -> tuple[Blueprint, list[Finding]]:
    """The blueprint in `text` (YAML 1.2 or JSON) and all findings, by place. `file` is shown in findings only."""
    raise NotImplementedError
