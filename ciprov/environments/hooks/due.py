"""Which hooks an operation runs."""

from __future__ import annotations

from collections.abc import Sequence

from ciprov.domain.environment import EnvironmentRecord, Phase
from ciprov.environments.hooks.records import Hook, HookChoice, Stage


def due_for_up(
    hooks: Sequence[Hook], before: EnvironmentRecord | None, changes: bool, choice: HookChoice
) -> tuple[Hook, ...]:
    """In the order in which they run. `before` is the record as it was found, `changes` whether the plan has any.

    What follows the apps runs also where nothing changes but the last `up` did not come to its end: whether its hooks
    ran then is not known, so they run at least once. Smoke checks can be asked for in any case.
    """
    if choice.skip:
        return ()
    ended = before is not None and before.operation is None and before.phase is Phase.READY
    follows = changes or not ended
    stages = {Stage.BEFORE_UP: changes, Stage.AFTER_UP: follows, Stage.SMOKE: follows or choice.smoke}
    return tuple(hook for stage, due in stages.items() if due for hook in hooks if hook.stage is stage)


def down_has_hooks(before: EnvironmentRecord, live_apps: int, choice: HookChoice) -> bool:
    """Not where nothing runs any more, where it was never ready, or where an earlier `down` has begun to stop what they
    need.
    """
    return not choice.skip and live_apps > 0 and bool(before.counts) and before.phase is not Phase.REMOVING
