"""What is known, beyond definitions, of the apps that a plan may replace: their tasks, agents, what is cut off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ciprov.foundation.json import JsonObject


@dataclass(frozen=True, slots=True)
class Around:
    """`tasks` as Marathon lists them, by absolute app id; what is missing is not known. `slaves` are the agents that
    the Mesos master knows, `unreachable` the tasks that it cannot reach (both None: not known).
    """

    tasks: Mapping[str, Sequence[JsonObject]] = field(default_factory=dict)
    slaves: Sequence[JsonObject] | None = None
    unreachable: Sequence[JsonObject] | None = None

    @property
    def own_ports(self) -> frozenset[int]:
        """The host ports that the tasks have."""
        every = (task.get("ports") or () for tasks in self.tasks.values() for task in tasks)
        return frozenset(port for ports in every for port in ports if isinstance(port, int))


NOTHING_KNOWN = Around()
