"""Runs hooks one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ciprov.environments.blueprint.parameters import variable
from ciprov.environments.hooks.cluster_runs import run_on_cluster
from ciprov.environments.hooks.local_runs import check_page, run_locally
from ciprov.environments.hooks.records import Hook
from ciprov.environments.hooks.scene import HookFailed, Scene


def run_hooks(hooks: Sequence[Hook], scene: Scene) -> Iterator[str]:
    """The name of each one once it ran; one that failed and need not stop anything is marked.

    Raises `HookFailed`, `MarathonGone` and `LockHeld`.
    """
    for hook in hooks:
        try:
            _run(hook, scene)
            yield hook.name
        except HookFailed as error:
            if not hook.goes_on:
                raise
            scene.session.note(f"{error}\ngoing on, as its on_failure says")
            yield f"{hook.name} (failed)"


def _run(hook: Hook, scene: Scene) -> None:
    clock = scene.session.clock
    if hook.missing:
        needs = ", ".join(f"{name} ({variable(name)})" for name in hook.missing)
        raise scene.failed(hook, f"it needs values that are not recorded: {needs}")
    scene.session.before_step(f"run {hook.title}")
    scene.tell(hook, hook.what)
    started = clock.monotonic()
    if hook.run:
        run_on_cluster(hook, scene)
    elif hook.local:
        run_locally(hook, scene)
    else:
        check_page(hook, scene)
    scene.tell(hook, f"done after {clock.monotonic() - started:.1f} s")
