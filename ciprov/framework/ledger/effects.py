"""What is to be done after a change of the ledger.

They are performed in their order, and what comes after a `Persist` must not be done unless that succeeded: then the
change is dropped, the old ledger stays, and Mesos will tell again.
"""

from __future__ import annotations

from dataclasses import dataclass

from ciprov.framework.decisions import Launch
from ciprov.framework.ledger.entry import Entry


@dataclass(frozen=True, slots=True)
class Persist:
    """Write these entries, all or none."""

    entries: tuple[Entry, ...]

    def __str__(self) -> str:
        return f"persist {', '.join(f'{entry.task_id} {entry.state}' for entry in self.entries)}"


@dataclass(frozen=True, slots=True)
class Forget:
    """Remove these entries from the store."""

    task_ids: tuple[str, ...]

    def __str__(self) -> str:
        return f"forget {', '.join(self.task_ids)}"


@dataclass(frozen=True, slots=True)
class SendLaunch:
    """ACCEPT the offers of `launch`. `task_ids` are in the order of its placements. Never to be sent a second time."""

    launch: Launch
    task_ids: tuple[str, ...]

    def __str__(self) -> str:
        return f"send {self.launch}"


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """ACKNOWLEDGE an update. `uuid` is as it came."""

    task_id: str
    agent_id: str
    uuid: str

    def __str__(self) -> str:
        return f"acknowledge {self.task_id} {self.uuid}"


@dataclass(frozen=True, slots=True)
class Kill:
    """KILL a task. `agent_id` may be empty: Mesos does not need it."""

    task_id: str
    agent_id: str
    why: str

    def __str__(self) -> str:
        return f"kill {self.task_id}: {self.why}"


@dataclass(frozen=True, slots=True)
class Ended:
    """Told once for each task, unless a crash comes in between: then the ledger tells."""

    entry: Entry

    def __str__(self) -> str:
        return f"{self.entry.task_id} ended: {self.entry.outcome}"


Effect = Persist | Forget | SendLaunch | Acknowledge | Kill | Ended
