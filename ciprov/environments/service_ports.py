"""Which service port each port of an environment gets: known before launch, and the same at every later `up`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ciprov.foundation.errors import CiprovError


@dataclass(frozen=True, slots=True)
class PortRange:
    """Ports from `first` to `last`, both included."""

    first: int = 20001
    last: int = 24999

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.last + 1))

    def __contains__(self, port: object) -> bool:
        return isinstance(port, int) and self.first <= port <= self.last

    def __len__(self) -> int:
        return max(0, self.last - self.first + 1)

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


DEFAULT_RANGE = PortRange()


@dataclass(frozen=True, slots=True)
class PortNeed:
    """One port of one app. `key` is `<app id relative to the group>/<port name or index>`.

    `fixed` is the service port that the definition sets itself (a `requirePorts` port, a chosen service port), or 0
    where one has to be allocated.
    """

    key: str
    fixed: int = 0


class PortsExhausted(CiprovError):
    """The range of service ports has no free port left."""


def allocate(
    needs: Sequence[PortNeed], *, recorded: Mapping[str, int], taken: Collection[int], within: PortRange
) -> dict[str, int]:
    """The service port of every need, in the order of `needs`.

    A fixed one is itself; a recorded one is kept while it lies in the range and nobody else has taken it; the others
    get the lowest free ports of the range. `taken` are the ports of everything outside this environment. Raises
    `PortsExhausted`.
    """
    used = set(taken) | {need.fixed for need in needs if need.fixed}
    ports: dict[str, int] = {}
    for need in needs:
        kept = need.fixed or recorded.get(need.key, 0)
        if need.fixed or (kept in within and kept not in used):
            ports[need.key] = kept
            used.add(kept)
    free = (port for port in within if port not in used)
    for need in needs:
        if need.key not in ports:
            ports[need.key] = _next(free, need, within)
    return {need.key: ports[need.key] for need in needs}


def conflicts(needs: Sequence[PortNeed]) -> list[tuple[int, tuple[str, ...]]]:
    """Fixed service ports that more than one need claims: `(port, keys)` by port."""
    claims: dict[int, list[str]] = {}
    for need in needs:
        if need.fixed:
            claims.setdefault(need.fixed, []).append(need.key)
    return [(port, tuple(keys)) for port, keys in sorted(claims.items()) if len(keys) > 1]


def _next(free: Iterator[int], need: PortNeed, within: PortRange) -> int:
    port = next(free, None)
    if port is None:
        raise PortsExhausted(
            f"no service port is left for {need.key} in {within} ({len(within)} ports)",
            way_out="take down environments that nobody needs, or widen the setting service_ports",
        )
    return port
