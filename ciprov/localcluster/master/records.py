"""The JSON that the database keeps of frameworks and their tasks. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from ciprov.localcluster.master.frameworks import Framework
from ciprov.localcluster.master.tasks import Task
from ciprov.localcluster.model import Resources


def dump_framework(framework: Framework) -> str:
    return _dump(asdict(framework))


def load_framework(text: str) -> Framework:
    raw = json.loads(text)
    return Framework(**{**raw, "suppressed": frozenset(raw["suppressed"])})


def dump_task(task: Task) -> str:
    return _dump(asdict(task))


def load_task(text: str) -> Task:
    raw = json.loads(text)
    resources = {**raw["resources"], "ports": frozenset(raw["resources"]["ports"])}
    return Task(
        **{
            **raw,
            "resources": Resources(**resources),
            "statuses": tuple(raw["statuses"]),
            "pending": tuple(raw["pending"]),
            "held": tuple(raw["held"]) if raw["held"] else None,
        }
    )


def _dump(value: dict[str, Any]) -> str:
    return json.dumps(value, default=_plain, separators=(",", ":"))


def _plain(value: object) -> object:
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no place in the database")
