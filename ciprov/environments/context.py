"""What an operation on environments runs within: which cluster, on whose behalf, by which clock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from ciprov.environments.sharing.quotas import Quotas
from ciprov.foundation.clock import Monotonic, Now, monotonic, utc_now

OUTAGE_SECONDS = 60.0


def _wait(wake: threading.Event, seconds: float) -> None:
    wake.wait(seconds)


@dataclass(frozen=True, slots=True)
class Clock:
    """`wait(wake, seconds)` returns after `seconds`, or earlier once `wake` is set."""

    now: Now = utc_now
    monotonic: Monotonic = monotonic
    wait: Callable[[threading.Event, float], None] = _wait


@dataclass(frozen=True, slots=True)
class Context:
    """`cluster` is the name under which records are kept; `who` is shown to others (`user@host, pid 12`).

    `service_address` is where service ports can be reached, without a port. `outage`: seconds for which an operation
    under way waits for a Marathon that does not answer; an election of a new leader fits in.
    """

    cluster: str
    who: str
    service_address: str
    clock: Clock = field(default_factory=Clock)
    quotas: Quotas = field(default_factory=Quotas)
    outage: float = OUTAGE_SECONDS
