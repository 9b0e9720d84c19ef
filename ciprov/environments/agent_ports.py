"""The host ports that agents offer, from the `slaves` list of the Mesos master."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ciprov.foundation.json import JsonObject

_RANGE = re.compile(r"(\d+)\s*-\s*(\d+)")


@dataclass(frozen=True, slots=True)
class AgentPorts:
    """One agent; `offered` and `used` are inclusive ranges."""

    id: str
    hostname: str
    offered: tuple[tuple[int, int], ...]
    used: tuple[tuple[int, int], ...]

    @property
    def count(self) -> int:
        """How many ports it offers."""
        return sum(last - first + 1 for first, last in self.offered)

    def offers(self, port: int) -> bool:
        return _within(port, self.offered)

    def uses(self, port: int) -> bool:
        return _within(port, self.used)


def agent_ports(slaves: Sequence[JsonObject]) -> tuple[AgentPorts, ...]:
    """The active agents."""
    return tuple(
        AgentPorts(
            id=str(slave.get("id", "")),
            hostname=str(slave.get("hostname", "")),
            offered=_ranges((slave.get("resources") or {}).get("ports")),
            used=_ranges((slave.get("used_resources") or {}).get("ports")),
        )
        for slave in slaves
        if slave.get("active", True)
    )


def offered_text(agents: Sequence[AgentPorts]) -> str:
    """All offered ranges, joined where they touch: `31000-32000`."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(span for agent in agents for span in agent.offered):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return ", ".join(f"{first}-{last}" for first, last in joined) or "no ports"


def _ranges(text: object) -> tuple[tuple[int, int], ...]:
    return tuple((int(first), int(last)) for first, last in _RANGE.findall(text if isinstance(text, str) else ""))


def _within(port: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= port <= last for first, last in ranges)
