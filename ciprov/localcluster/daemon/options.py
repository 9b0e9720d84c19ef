"""How large an embedded cluster is."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ciprov.localcluster.daemon.traits import BadTrait, with_traits
from ciprov.localcluster.model import Agent, Resources, agent_name

DEFAULT_PORTS = "31000-32000"
_LARGEST = 1e12
MOST_AGENTS = 254
"""Each has a loopback address of its own beside the cluster's."""


class BadOptions(ValueError):
    """An option makes no sense; the message names it and what is allowed."""


@dataclass(frozen=True, slots=True)
class Options:
    """None is: as the last start had it, else this machine's own size. `mem` and `disk` are MiB over all agents.

    `attributes` and `roles` are as in `traits.py`.
    """

    agents: int | None = None
    cpus: float | None = None
    mem: int | None = None
    disk: int | None = None
    ports: str | None = None
    attributes: str | None = None
    roles: str | None = None

    def given(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}

    def over(self, earlier: Options) -> Options:
        return Options(**{**earlier.given(), **self.given()})

    def check(self) -> None:
        """Raises BadOptions."""
        if self.agents is not None and not 1 <= self.agents <= MOST_AGENTS:
            raise BadOptions(f"agents is {self.agents}; allowed are 1 to {MOST_AGENTS}")
        for name in ("cpus", "mem", "disk"):
            value = getattr(self, name)
            if value is not None and not 0 < value < _LARGEST:
                raise BadOptions(f"{name} is {value}; it must be above 0 and below {_LARGEST:g}")
        first, last = port_range(self.ports or DEFAULT_PORTS)
        if last - first + 1 < (self.agents or 1):
            raise BadOptions(f"ports {first}-{last} are too few for {self.agents} agents: each needs at least one")
        nameless = [Agent(agent_name(index), "", Resources()) for index in range(self.agents or 1)]
        try:
            with_traits(nameless, self.attributes or "", self.roles or "")
        except BadTrait as error:
            raise BadOptions(str(error)) from None


def port_range(text: str) -> tuple[int, int]:
    """Both ends belong to the range. Raises BadOptions."""
    match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", text.strip())
    if match:
        first, last = int(match[1]), int(match[2])
        if 1 <= first <= last <= 65535:
            return first, last
    raise BadOptions(f"ports is '{text}'; give a range within 1-65535, such as {DEFAULT_PORTS}")


def load(path: Path) -> Options:
    """The options of the last start; none where there was none, or where they cannot be read."""
    known = {each.name for each in fields(Options)}
    try:
        values = json.loads(path.read_text())
        options = Options(**{name: value for name, value in values.items() if name in known})
        options.check()
    except (OSError, ValueError, TypeError, AttributeError):
        return Options()
    return options
