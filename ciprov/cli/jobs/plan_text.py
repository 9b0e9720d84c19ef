"""A plan for jobs, for people to read."""

from __future__ import annotations

from ciprov.jobs.planning import Action, Plan

_WORDS = {
    Action.CREATE: "create",
    Action.UPDATE: "update",
    Action.ORPHAN: "orphaned",
    Action.DELETE: "delete",
    Action.REFUSE: "refused",
}


def plan_text(plan: Plan, *, with_lines: bool = True) -> str:
    """What differs, with the lines that do, and how many jobs do not."""
    parts: list[str] = []
    for step in plan.steps:
        if step.action in _WORDS:
            parts.append(f"{_WORDS[step.action]} {step.name}: {step.reason}")
            parts += step.diff if with_lines else ()
    same = len(plan.of(Action.KEEP))
    counts = [
        f"{len(plan.of(action))} to {word}" for action, word in _WORDS.items() if action in _TO_DO and plan.of(action)
    ]
    counts += [
        f"{len(plan.of(action))} {_WORDS[action]}" for action in (Action.ORPHAN, Action.REFUSE) if plan.of(action)
    ]
    return "\n".join([*parts, ", ".join([*counts, f"{same} unchanged"])])


_TO_DO = frozenset({Action.CREATE, Action.UPDATE, Action.DELETE})
