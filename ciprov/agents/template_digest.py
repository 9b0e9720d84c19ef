"""Whether agents are still what their template says, and what differs between two readings of the settings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import Enum
from typing import Any

from ciprov.agents.template import Rules, SecretText, ServiceRules, Template

_OF_AGENTS = ("name", "labels", "wanted", "constraints", "roles", "exclusive", "container", "start")
"""What an agent is made of. All other fields only say when one is made, and how many."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Names of templates. Agents of `removed` and `changed` ones that have no build are to go.

    `adjusted` ones differ in what says when and how many, and their agents may stay. `reordered`: the templates stand
    in another order, which is the one in which they are asked. `service` are the fields of `ServiceRules` that differ.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    adjusted: tuple[str, ...] = ()
    reordered: bool = False
    service: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self != Difference()

    def __str__(self) -> str:
        """One line for people."""
        kinds = {"added": self.added, "removed": self.removed, "changed": self.changed, "adjusted": self.adjusted}
        parts = [f"{kind} {', '.join(names)}" for kind, names in kinds.items() if names]
        parts += ["templates in another order"] * self.reordered
        parts += [f"service: {', '.join(self.service)}"] if self.service else []
        return "; ".join(parts) or "nothing differs"


def digest(template: Template) -> str:
    """The same for templates whose agents are the same, in any process. Of secrets it knows the fingerprint alone."""
    made_of = {name: _plain(getattr(template, name)) for name in _OF_AGENTS}
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:32]


def difference(old: Rules, new: Rules) -> Difference:
    """What is to be done about it when `new` holds from now on."""
    before, after = _by_name(old), _by_name(new)
    both = [name for name in after if name in before]
    changed = [name for name in both if digest(before[name]) != digest(after[name])]
    return Difference(
        added=tuple(name for name in after if name not in before),
        removed=tuple(name for name in before if name not in after),
        changed=tuple(changed),
        adjusted=tuple(name for name in both if name not in changed and before[name] != after[name]),
        reordered=both != [name for name in before if name in after],
        service=tuple(
            field.name
            for field in fields(ServiceRules)
            if getattr(old.service, field.name) != getattr(new.service, field.name)
        ),
    )


def _by_name(rules: Rules) -> Mapping[str, Template]:
    return {template.name: template for template in rules.templates}


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _plain(value: Any) -> Any:
    if isinstance(value, SecretText):
        return ["secret", value.origin if value.value is None else value.fingerprint]
    if is_dataclass(value):
        # Without defaults: a field that comes with a later release does not make all agents other ones.
        given = ((field, getattr(value, field.name)) for field in fields(value))
        return {field.name: _plain(each) for field, each in given if each != _default(field)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value
