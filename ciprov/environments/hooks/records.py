"""What a hook is: a command or a check of the blueprint, and when it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ciprov.foundation.json import JsonObject

HOOK_LABEL = "CIPROV_HOOK"
"""The label of the app that runs a hook; its value is the hook's name."""


class Stage(StrEnum):
    BEFORE_UP = "before_up"
    AFTER_UP = "after_up"
    SMOKE = "smoke"
    BEFORE_DOWN = "before_down"


@dataclass(frozen=True, slots=True)
class Hook:
    """One hook, filled in. Of `run` (a command on the cluster), `local` and `http` (a URL) exactly one is not empty.

    `like` is the app, relative to the group, whose container and variables a `run` gets; `cpus`, `mem` (MiB) and `disk`
    (MiB) None take its. `timeout` is in seconds. `status` and `text` are what a URL has to answer. `missing` are the
    parameters whose values were not at hand: only a hook without any can run.
    """

    stage: Stage
    name: str
    run: str = ""
    local: str = ""
    http: str = ""
    like: str = ""
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cpus: float | None = None
    mem: float | None = None
    disk: float | None = None
    timeout: int = 300
    status: int = 200
    text: str = ""
    goes_on: bool = False
    missing: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return f"hook {self.name} ({self.stage})"

    @property
    def what(self) -> str:
        """What it does, in one line."""
        if self.http:
            return f"GET {self.http}"
        command = (self.run or self.local).strip()
        first, more, _ = command.partition("\n")
        where = "here" if self.local else f"on the cluster, like {self.like}" if self.like else "on the cluster"
        return f"{where}: {first}{' …' if more else ''}"

    def __str__(self) -> str:
        return f"{self.stage} {self.name}: {self.what}"

    def to_json(self) -> JsonObject:
        kind = "http" if self.http else "local" if self.local else "run"
        return {
            "stage": self.stage.value,
            "name": self.name,
            "kind": kind,
            kind: self.http or self.local or self.run,
            "like": self.like,
            "timeout": self.timeout,
        }


@dataclass(frozen=True, slots=True)
class HookChoice:
    """What a command says of hooks: none at all, or the smoke checks in any case."""

    skip: bool = False
    smoke: bool = False


DUE_HOOKS = HookChoice()
