"""The cluster's descriptor: where it is, and which process serves it. It exists only while the API answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ciprov.localcluster.runtimes import proc

SCHEMA = 1
USER = "ciprov"


@dataclass(frozen=True, slots=True)
class Descriptor:
    """`process_start` is seconds since the epoch for people and other tools; `start_ticks` since boot is exact.

    `marathon` and `mesos` are base URLs, `service_address` the address of forwarded service ports.
    """

    pid: int
    started_at: str
    process_start: float
    start_ticks: int
    boot_id: str
    marathon: str
    mesos: str
    credential_file: str
    service_address: str
    log: str
    options: Mapping[str, Any] = field(default_factory=dict)
    user: str = USER
    schema: int = SCHEMA

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    @property
    def is_alive(self) -> bool:
        """Whether exactly the process that wrote this still runs, not another one with its pid."""
        return self.boot_id == proc.boot_id() and proc.is_running(self.pid, self.start_ticks)


def parse_descriptor(content: str) -> Descriptor | None:
    """None where it cannot be understood: by a later ciprov, or damaged."""
    try:
        values = json.loads(content)
        if values.get("schema") != SCHEMA:
            return None
        known = {name: values[name] for name in Descriptor.__dataclass_fields__ if name in values}
        return Descriptor(**known)
    except (ValueError, TypeError, AttributeError):
        return None


def read_descriptor(path: Path) -> Descriptor | None:
    """The descriptor of a cluster that runs; None where none does, whatever files may lie there."""
    try:
        found = parse_descriptor(path.read_text())
    except OSError:
        return None
    return found if found is not None and found.is_alive else None
