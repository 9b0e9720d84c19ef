"""What may be asked of a running service, from any thread."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from ciprov.agents.template_digest import Difference
from ciprov.agents.view.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Requested:
    """An agent made for whoever asks for this `label`, and for nobody else."""

    label: str
    agent: str
    template: str


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What differs in settings that were read again. `at_next_start` are keys of the section whose change does not hold
    before that.
    """

    difference: Difference
    at_next_start: tuple[str, ...] = ()


class Control(Protocol):
    """Errors are `CiprovError`s, `UsageError` for names that are not known. None of them waits for Jenkins or Mesos."""

    def snapshot(self) -> Snapshot: ...

    def signal(self, agent: str, token: str, entries: Collection[str]) -> bool:
        """The agent's task saw these entries in its workspace directory: it works. False for a wrong token.

        May be told again, with more entries.
        """
        ...

    def secrets(self, agent: str, ticket: str) -> str | None:
        """What the agent's task is to know, for its shell. None for a wrong ticket, and after the first answer."""
        ...

    def request(self, template: str, label: str = "") -> Requested:
        """Make an agent of `template` that bears one label of its own alone: `label`, or a new one."""
        ...

    def drain(self, templates: Collection[str]) -> frozenset[str]:
        """No new agents of these templates; idle ones go, builds go on. Remembered over restarts.

        Returns those for which this is new, as `undrain` and `resume` do.
        """
        ...

    def undrain(self, templates: Collection[str]) -> frozenset[str]: ...

    def resume(self, templates: Collection[str]) -> frozenset[str]:
        """Try paused templates again now."""
        ...

    def kill(self, agents: Collection[str]) -> None:
        """End these agents at once, with the builds on them. Those that went lately are no error."""
        ...

    def reload(self) -> Reloaded:
        """Read the settings again now. Raises what is wrong with them; then the old ones stay."""
        ...
