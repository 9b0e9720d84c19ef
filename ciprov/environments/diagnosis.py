"""Why an app does not become healthy, told in plain words."""

from __future__ import annotations

from dataclasses import dataclass

from ciprov.foundation.json import JsonObject


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`reason` is the verdict, `waiting_for` the queue's reason, `last_failure` the last task failure of the app.

    `stderr` is the end of what its last task wrote.
    """

    app_id: str
    reason: str
    waiting_for: str = ""
    last_failure: str = ""
    stderr: str = ""

    def __str__(self) -> str:
        lines = [f"{self.app_id}: {self.reason}"]
        if self.waiting_for:
            lines.append(f"  waiting: {self.waiting_for}")
        if self.last_failure:
            lines.append(f"  last failure: {self.last_failure}")
        if self.stderr:
            lines.append("  end of its stderr:")
            lines += [f"    | {line}" for line in self.stderr.splitlines()]
        return "\n".join(lines)

    def to_json(self) -> JsonObject:
        return {
            "id": self.app_id,
            "reason": self.reason,
            "waiting_for": self.waiting_for,
            "last_failure": self.last_failure,
            "stderr": self.stderr,
        }
