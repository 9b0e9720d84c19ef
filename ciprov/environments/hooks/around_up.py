"""Hooks within `up`: which of them its plan has, and where they run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from ciprov.domain.environment import EnvironmentRecord
from ciprov.environments.desired import BLUEPRINT_LABEL, ENV_LABEL, Desired
from ciprov.environments.endpoints import Addresses, endpoints
from ciprov.environments.hooks.due import due_for_up
from ciprov.environments.hooks.records import Hook, HookChoice, Stage
from ciprov.environments.hooks.running import run_hooks
from ciprov.environments.hooks.scene import Scene
from ciprov.environments.outlook import Outlook
from ciprov.environments.ports import Here
from ciprov.environments.session import Session
from ciprov.environments.variables import environment_variables
from ciprov.foundation.json import JsonObject


def with_hooks(outlook: Outlook, choice: HookChoice) -> Outlook:
    """With the hooks that are due in its plan."""
    hooks = due_for_up(outlook.desired.hooks, outlook.before, outlook.plan.changes, choice)
    return replace(outlook, plan=replace(outlook.plan, hooks=hooks)) if hooks else outlook


@dataclass(frozen=True, slots=True)
class UpHooks:
    """The hooks of one `up` under way."""

    due: tuple[Hook, ...]
    session: Session
    here: Here
    desired: Desired
    record: EnvironmentRecord
    service_address: str

    def run(self, stage: Stage, live: Mapping[str, JsonObject]) -> Iterator[str]:
        """Give the name of each one that ran. `live` are the apps as they are, for the addresses of fixed ports.

        Raises `HookFailed`, `MarathonGone` and `LockHeld`.
        """
        hooks = tuple(hook for hook in self.due if hook.stage is stage)
        return run_hooks(hooks, self._scene(live)) if hooks else iter(())

    def postpone(self, stage: Stage) -> tuple[str, ...]:
        """Where nobody waits for the apps. The next `up` that waits finds that this one did not come to its end."""
        for hook in self.due:
            if hook.stage is stage:
                self.session.note(f"{hook.title} is left to the next `up` that waits")
        return ()

    def _scene(self, live: Mapping[str, JsonObject]) -> Scene:
        desired = self.desired
        addresses = Addresses(desired.group_path, self.service_address, desired.service_ports, desired.routes)
        return Scene(
            session=self.session,
            here=self.here,
            apps=desired.apps,
            directory=str(PurePosixPath(self.record.blueprint_file).parent),
            variables=environment_variables(self.record, addresses.front_url, endpoints(live, addresses)),
            labels={ENV_LABEL: desired.name, BLUEPRINT_LABEL: desired.blueprint},
        )
