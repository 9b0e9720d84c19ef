"""What the API reads of the engine's state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ciprov.localcluster.api.port import DeploymentView
from ciprov.localcluster.deployments.progress import DeploymentState
from ciprov.localcluster.engine.state import State


def deployment_view(deployment: DeploymentState, state: State) -> DeploymentView:
    plan = deployment.plan
    return DeploymentView(
        id=plan.id,
        version=plan.version,
        affected_apps=plan.affected_apps,
        steps=plan.steps,
        current_actions=deployment.current_actions,
        current_step=deployment.step,
        readiness={action.app_id: readiness(action.app_id, state) for action in deployment.current_actions},
    )


def readiness(app_id: str, state: State) -> Sequence[Mapping[str, Any]]:
    """`readinessCheckResults` of an app: the last answer of each check of each task that has one."""
    results = []
    for instance in state.by_app.get(app_id, ()):
        checks = state.definition(instance).readiness_checks
        for index, report in state.readiness.get(instance.task_id, {}).items():
            result: dict[str, Any] = {
                "name": checks[index].name,
                "taskId": instance.task_id,
                "ready": report.ready,
            }
            if checks[index].preserve_last_response and report.status is not None:
                result["lastResponse"] = {
                    "status": report.status,
                    "contentType": report.content_type,
                    "body": report.body,
                }
            results.append(result)
    return results
