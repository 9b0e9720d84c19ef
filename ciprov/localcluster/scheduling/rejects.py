"""Why an agent's offer was not used, and the funnel in which Marathon counts that."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Reason(StrEnum):
    """In the order of the funnel: an offer is counted under the first reason that applies."""

    UNFULFILLED_ROLE = "UnfulfilledRole"
    UNFULFILLED_CONSTRAINT = "UnfulfilledConstraint"
    NO_CORRESPONDING_RESERVATION_FOUND = "NoCorrespondingReservationFound"
    AGENT_MAINTENANCE = "AgentMaintenance"
    INSUFFICIENT_CPUS = "InsufficientCpus"
    INSUFFICIENT_MEMORY = "InsufficientMemory"
    INSUFFICIENT_DISK = "InsufficientDisk"
    INSUFFICIENT_GPUS = "InsufficientGpus"
    INSUFFICIENT_PORTS = "InsufficientPorts"
    DECLINED_SCARCE_RESOURCES = "DeclinedScarceResources"


def funnel(processed: int, declined: Mapping[Reason, int]) -> tuple[tuple[str, int, int], ...]:
    """`(reason, declined, processed)` for each reason in order; each reason processes what the one before let pass."""
    steps = []
    for reason in Reason:
        count = declined.get(reason, 0)
        steps.append((reason.value, count, processed))
        processed -= count
    return tuple(steps)
