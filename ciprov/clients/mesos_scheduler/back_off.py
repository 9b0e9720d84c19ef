"""How long to wait before the next try: doubled each time up to a limit, with jitter, never nothing. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class BackOff:
    """`failures` in a row so far. Pauses in seconds."""

    first_s: float
    longest_s: float
    failures: int = 0

    def failed(self, lived_s: float = 0.0) -> BackOff:
        """After a failure. One that had lived longer than the longest pause counts as the first: a master that takes
        subscriptions and drops them at once is no success.
        """
        return replace(self, failures=1 if lived_s > self.longest_s else self.failures + 1)

    def pause(self, jitter: float) -> float:
        """`jitter` from 0 to 1 takes away up to half of the pause, so that many schedulers do not come at once."""
        doubled = self.first_s * 2.0 ** min(max(self.failures - 1, 0), 32)
        return min(doubled, self.longest_s) * (1.0 - jitter / 2)
