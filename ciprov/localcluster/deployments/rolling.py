"""The arithmetic of a rolling upgrade. Pure.

"Healthy" counts instances whose checks pass or that have none; without checks even an instance still waiting for
launch counts. This follows Marathon since 1.10, and with it the deadlocks: where the new instance needs what only an
old one's death frees, and no old one may die before the new one serves, the upgrade waits for ever.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ciprov.localcluster.definitions.app import UpgradeStrategy
from ciprov.localcluster.model import Condition, Instance


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many old instances may be killed at once, and how many old and new ones may exist together."""

    kill_at_once: int
    capacity: int


def allowance(
    instances: int, strategy: UpgradeStrategy, healthy_old: int, existing: int, *, resident: bool = False
) -> Allowance:
    """`instances` is the new count, `strategy` the new one, `existing` counts all instances, waiting ones too.

    A `resident` app never has more instances than asked for: a new one takes over the volumes of an old one.
    """
    keep = math.ceil(instances * strategy.minimum_health_capacity)
    capacity = int(instances * (1 + strategy.maximum_over_capacity))
    if keep == capacity <= healthy_old:
        if resident:
            keep -= 1
        else:
            capacity += 1
    return Allowance(max(0, healthy_old - keep, existing - instances), capacity)


def considered_healthy(instance: Instance) -> bool:
    return instance.healthy is not False


def serving(instance: Instance) -> bool:
    """Whether the instance does what a deployment waits for: it runs, is healthy where checked, and is ready."""
    return (
        instance.condition is Condition.RUNNING
        and not instance.decommissioned
        and considered_healthy(instance)
        and instance.ready
    )


def kill_order(old: Iterable[Instance]) -> list[Instance]:
    """Unhealthy ones first, then the oldest; so without health checks a serving one goes before a waiting one."""
    return sorted(old, key=lambda instance: (considered_healthy(instance), instance.since))
