"""What the history calls an operation that is more than one of those that records know. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deed:
    """`name` is `clone`, `promote` or `resume`, or empty for the operation's own name; `detail` says of what."""

    name: str = ""
    detail: str = ""

    def told(self, operation: str, summary: str) -> tuple[str, str]:
        """The name and the summary of an entry of the history."""
        if not self.name:
            return operation, summary
        return self.name, f"{self.detail or operation}: {summary}"


OWN_NAME = Deed()
