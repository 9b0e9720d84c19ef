"""Runs hooks on the machine where ciprov runs: commands, and checks of what a URL answers."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from ciprov.domain.page import Page
from ciprov.environments.hooks.records import Hook, Stage
from ciprov.environments.hooks.scene import OUTPUT_LINES, Scene

PAUSE_SECONDS = 1.0
"""Between two tries of a smoke check."""
SLICE_SECONDS = 1.0
"""How often a command that runs is left to see whether the lock is still held."""
_SHOWN = 200


def run_locally(hook: Hook, scene: Scene) -> None:
    """Raises `HookFailed`, `LockHeld`. A smoke command is tried again until it succeeds or its time is over."""
    clock = scene.session.clock
    deadline = clock.monotonic() + hook.timeout
    before: _Failure | None = None
    while (failure := _once(hook, scene, deadline, before)) is not None:
        again = hook.stage is Stage.SMOKE and clock.monotonic() + PAUSE_SECONDS < deadline
        if not again:
            # A last try that was cut short says less than the one before it.
            failure = before if before is not None and failure.late else failure
            raise scene.failed(hook, failure.reason, failure.output)
        if before is None or failure.reason != before.reason:
            scene.tell(hook, f"{failure.reason}, trying again")
        before = failure
        _pause(scene)


def check_page(hook: Hook, scene: Scene) -> None:
    """Ask until the answer is the one wanted. Raises `HookFailed`, `LockHeld`."""
    clock = scene.session.clock
    deadline = clock.monotonic() + hook.timeout
    told = ""
    while True:
        left = deadline - clock.monotonic()
        page = scene.here.page(hook.http, max(0.1, left), follow=not 300 <= hook.status < 400)
        reason = objection(hook, page)
        if not reason:
            return
        if clock.monotonic() + PAUSE_SECONDS >= deadline:
            raise scene.failed(hook, f"{hook.http}: {reason}, for {hook.timeout} s", page.text[:_SHOWN])
        if reason != told:
            told = reason
            scene.tell(hook, f"{reason}, trying again")
        _pause(scene)


def objection(hook: Hook, page: Page) -> str:
    """What is wrong with the answer; empty where it is the one wanted."""
    if page.error:
        return page.error
    if page.status != hook.status:
        return f"it answered {page.status} instead of {hook.status}"
    if hook.text not in page.text:
        return f"its answer has no {hook.text!r}"
    return ""


@dataclass(frozen=True, slots=True)
class _Failure:
    """`output` is the end of what the command wrote, `late` whether it was still at it."""

    reason: str
    output: str
    late: bool = False


def _once(hook: Hook, scene: Scene, deadline: float, before: _Failure | None) -> _Failure | None:
    """None where it went well. Of what it wrote only what it did not write `before` is told."""
    session = scene.session
    lines: deque[str] = deque(maxlen=OUTPUT_LINES)
    known = frozenset(before.output.splitlines()) if before is not None else frozenset()
    lock = threading.Lock()

    def tell(line: str) -> None:
        with lock:
            lines.append(line)
            if line not in known:
                scene.tell_output(hook, line)

    variables = {**scene.variables, "CIPROV_HOOK": hook.name, **hook.env}
    status: int | None = None
    with scene.here.command(hook.local, scene.directory, variables, tell) as command:
        while status is None and (left := deadline - session.clock.monotonic()) > 0:
            status = command.wait(min(SLICE_SECONDS, left))
            session.check()
    with lock:
        output = "\n".join(lines)
    if status is None:
        return _Failure(f"it did not end within {hook.timeout} s", output, late=True)
    return _Failure(f"its command ended with status {status}", output) if status else None


def _pause(scene: Scene) -> None:
    session = scene.session
    session.clock.wait(threading.Event(), PAUSE_SECONDS)
    session.check()
