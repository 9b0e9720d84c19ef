"""Agents as the store knows them too: under what key a document about them is kept."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """`kind` is "agent", "task", "framework" or "service"."""

    kind: str
    id: str
