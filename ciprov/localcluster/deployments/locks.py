"""Which running deployments stand in the way of a new plan. Pure.

The lock is per app: apps of the same group that a running deployment does not touch are free.
"""

from __future__ import annotations

from collections.abc import Iterable

from ciprov.localcluster.deployments.plan import Plan
from ciprov.localcluster.deployments.progress import DeploymentState

MAX_RUNNING_DEPLOYMENTS = 100
"""Marathon's `max_running_deployments`; a forced change goes beyond it."""


def conflicting(plan: Plan, running: Iterable[DeploymentState]) -> tuple[str, ...]:
    """The ids of running deployments that touch an app of the plan, in the order given."""
    return tuple(state.plan.id for state in running if not plan.apps.keys().isdisjoint(state.plan.apps.keys()))
