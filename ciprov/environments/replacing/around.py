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


NOTHING_KNOWN = Around()
