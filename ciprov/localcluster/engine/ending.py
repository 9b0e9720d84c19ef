"""What becomes of an instance whose task has ended: forgotten, or launched again, and as which version. Pure."""

from __future__ import annotations

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.deployments.progress import DeploymentState
from ciprov.localcluster.model import Instance


def successor_version(
    instance: Instance, app: App | None, deployment: DeploymentState | None, staying: int
) -> str | None:
    """The version that the instance is launched again as; None where it is forgotten.

    `app` is the current definition, None once it is removed; `deployment` holds the app's lock, if any; `staying`
    counts the app's instances that are not decommissioned, this one among them.
    """
    if instance.decommissioned or app is None:
        return None
    if deployment is not None and deployment.open_for(instance.app_id):
        if deployment.awaits_restart(instance.app_id):
            return instance.app_version
        if deployment.replacing(instance.app_id) and instance.app_version != app.version:
            # An old one that ends during the upgrade makes room for a new one.
            return None
    elif staying > app.instances:
        return None
    return app.version
