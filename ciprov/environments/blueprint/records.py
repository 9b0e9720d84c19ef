"""What a blueprint says, as records: its header typed, its group as nodes with places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ciprov.environments.blueprint.findings import Finding
from ciprov.environments.blueprint.nodes import EMPTY, NOWHERE, Node, Place

DEFAULT_TIMEOUT = 300
"""Seconds that waiting gives each app where the header has no `timeout`."""

PARAMETER_TYPES = ("string", "integer", "number", "boolean", "secret")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One declared parameter. `default` is None where a value must be given; it may hold placeholders."""

    name: str
    type: str
    description: str = ""
    default: Node | None = None
    minimum: float | None = None
    maximum: float | None = None
    enum: tuple[object, ...] = ()
    pattern: str | None = None
    at: Place = NOWHERE

    @property
    def is_secret(self) -> bool:
        return self.type == "secret"


@dataclass(frozen=True, slots=True)
class Route:
    """A way in: `path` on port `port` (name or index) of `app` (id relative to the group). The first is the front."""

    name: str
    app: str
    port: str
    path: str
    at: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class HookEntry:
    """A hook as the header has it, with placeholders. `kinds` empty: for all of them."""

    stage: str
    name: str
    key: str
    node: Node
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A blueprint as read. `group` is a Marathon group with placeholders; `kinds` are merge patches by app id.

    `ttl` is in seconds, None for never, `ttl_by_kind` where kinds have their own; `timeout` in seconds per app.
    `findings` are those of reading: with an error among them the other fields hold only what could be understood, and
    nothing can be built.
    """

    file: str
    name: str = ""
    description: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    kinds: Mapping[str, Node] = field(default_factory=dict)
    default_kind: str = ""
    ttl: int | None = None
    ttl_by_kind: Mapping[str, int | None] = field(default_factory=dict)
    timeout: int = DEFAULT_TIMEOUT
    routes: tuple[Route, ...] = ()
    hooks: tuple[HookEntry, ...] = ()
    group: Node = EMPTY
    findings: tuple[Finding, ...] = ()
