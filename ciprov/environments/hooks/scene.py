"""What hooks run within, and how their failure is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ciprov.environments.diagnosis import Diagnosis
from ciprov.environments.diagnosis.cause import hidden
from ciprov.environments.diagnosis.errors import hook_failed
from ciprov.environments.hooks.records import Hook
from ciprov.environments.ports import Here
from ciprov.environments.session import Session
from ciprov.environments.waiting import NotReady
from ciprov.foundation.json import JsonObject

OUTPUT_LINES = 20
"""How much of a failed hook's output goes into the message and the record."""


@dataclass(frozen=True, slots=True)
class Scene:
    """`apps` are definitions by absolute id, for hooks that are like one of them; `variables` the environment's
    addresses and names, for local commands, which run in `directory`. `labels` mark apps as the environment's own.
    """

    session: Session
    here: Here
    apps: Mapping[str, JsonObject] = field(repr=False)
    directory: str
    variables: Mapping[str, str]
    labels: Mapping[str, str]

    def tell(self, hook: Hook, text: str) -> None:
        self.session.note(hidden(f"{hook.title}: {text}", self.session.secrets))

    def tell_output(self, hook: Hook, line: str) -> None:
        self.session.note(hidden(f"  {hook.name} | {line}", self.session.secrets))

    def failed(self, hook: Hook, reason: str, output: str = "") -> HookFailed:
        end = "\n".join(output.strip("\n").splitlines()[-OUTPUT_LINES:])
        cause = hook_failed(f"{hook.stage} {hook.name}", reason, end).without(self.session.secrets)
        return HookFailed(hook, Diagnosis(self.session.group_path, "", (cause,)))


class HookFailed(NotReady):
    """A hook failed, or did not end in time."""

    def __init__(self, hook: Hook, diagnosis: Diagnosis) -> None:
        super().__init__((diagnosis,))
        self.hook = hook
