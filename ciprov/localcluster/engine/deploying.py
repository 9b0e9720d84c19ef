"""Deployments: beginning, driving, ending and cancelling them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.deployments.plan import Plan
from ciprov.localcluster.deployments.progress import (
    AppStopped,
    DeploymentDone,
    DeploymentState,
    Effect,
    KillInstance,
    StartInstances,
    StepBegun,
    StepDone,
    progress,
)
from ciprov.localcluster.deployments.scaling import propose
from ciprov.localcluster.engine.announcing import Announcement, app_terminated, deployment_ended, deployment_step
from ciprov.localcluster.engine.launching import Launching
from ciprov.localcluster.engine.outbox import Outbox
from ciprov.localcluster.engine.state import State
from ciprov.localcluster.engine.tasks import Tasks
from ciprov.localcluster.health.machine import checks_added, checks_removed
from ciprov.localcluster.scheduling.constraints import spreads
from ciprov.localcluster.scheduling.launch_queue import AppGone

logger = logging.getLogger(__name__)


class Deploying:
    """Performs what `deployments.progress` decides, and keeps the count of apps that no deployment holds."""

    def __init__(self, state: State, outbox: Outbox, launching: Launching, tasks: Tasks) -> None:
        self._state = state
        self._outbox = outbox
        self._launching = launching
        self._tasks = tasks
        self.stirred: set[str] = set()
        """Deployments to look at as a whole: just begun, or just recovered."""

    def begin(self, plan: Plan) -> None:
        logger.info("deployment_id=%s begins with %d steps", plan.id, len(plan.steps))
        self._state.put_deployment(DeploymentState(plan))
        self.stirred.add(plan.id)
        for change in plan.apps.values():
            self._announce_checks(change.original, change.target)

    def _announce_checks(self, original: App | None, target: App | None) -> None:
        if original is not None and target is not None and original.health_checks == target.health_checks:
            return
        for publish in (*(checks_removed(original) if original else ()), *(checks_added(target) if target else ())):
            self._outbox.announce(Announcement(publish.event_type, publish.fields))

    def cancel(self, deployment: DeploymentState) -> None:
        logger.info("deployment_id=%s is cancelled", deployment.plan.id)
        self._state.drop_deployment(deployment)
        self.stirred.discard(deployment.plan.id)
        self._outbox.announce(deployment_ended(deployment.plan, success=False))

    def settle(self) -> bool:
        """Look at every deployment and app that something happened to; whether there was any."""
        touched, self._state.touched = self._state.touched, set()
        stirred, self.stirred = self.stirred, set()
        self._launching.forget_owed(touched)
        for plan_id in stirred:
            if plan_id in self._state.deployments:
                self._drive(self._state.deployments[plan_id], None)
        by_deployment: dict[str, set[str]] = {}
        for app_id in touched:
            deployment = self._state.deployment(app_id)
            if deployment is not None:
                by_deployment.setdefault(deployment.plan.id, set()).add(app_id)
        for plan_id, app_ids in by_deployment.items():
            if plan_id in self._state.deployments:
                self._drive(self._state.deployments[plan_id], app_ids)
        for app_id in touched:
            self._replenish(app_id)
        return bool(touched or stirred)

    def _drive(self, deployment: DeploymentState, touched: Collection[str] | None) -> None:
        moved, effects = progress(deployment, self._state.by_app, touched, self._state.ledger.agents)
        if moved is not deployment and not moved.finished:
            self._state.put_deployment(moved)
        for effect in effects:
            self._perform(moved, effect)

    def _perform(self, deployment: DeploymentState, effect: Effect) -> None:
        plan = deployment.plan
        match effect:
            case StartInstances(app_id, count):
                target = plan.target(app_id)
                assert target is not None
                self._launching.schedule(target, count)
            case KillInstance(instance_id, reason):
                logger.info("deployment_id=%s kills instance_id=%s: %s", plan.id, instance_id, reason)
                self._tasks.kill(self._state.instances[instance_id], decommission=True)
            case AppStopped(app_id):
                self._launching.tell(AppGone(app_id))
                self._state.forget_failure(app_id)
                self._outbox.announce(app_terminated(app_id))
            case StepBegun(number):
                self._outbox.announce(deployment_step("deployment_info", plan, number))
            case StepDone(number):
                self._outbox.announce(deployment_step("deployment_step_success", plan, number))
            case DeploymentDone():
                logger.info("deployment_id=%s is done", plan.id)
                self._state.drop_deployment(deployment)
                self._outbox.announce(deployment_ended(plan, success=True))

    def _replenish(self, app_id: str) -> None:
        """Replace what was wiped, unless a deployment has yet to see to the app."""
        app = self._state.apps.get(app_id)
        deployment = self._state.deployment(app_id)
        if app is None or (deployment is not None and deployment.open_for(app_id)):
            return
        missing = app.instances - self._state.staying(app_id)
        if missing > 0:
            self._launching.schedule(app, missing)

    def even_out(self, app_ids: Iterable[str]) -> None:
        """Bring apps that no deployment holds to their counts: Marathon's scale check, after a cancelled deployment."""
        for app_id in app_ids:
            deployment = self._state.deployment(app_id)
            if deployment is not None and deployment.open_for(app_id):
                continue
            app = self._state.apps.get(app_id)
            instances = self._state.by_app.get(app_id, ())
            count, selection = (app.instances, app.kill_selection) if app else (0, "")
            even = spreads(app, instances, self._state.ledger.agents) if app else ()
            for instance_id in propose(instances, count, selection, spreads=even).kills:
                self._tasks.kill(self._state.instances[instance_id], decommission=True)
            self._replenish(app_id)
