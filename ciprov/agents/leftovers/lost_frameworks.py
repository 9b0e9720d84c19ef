"""Frameworks of this service's name that it does not own: what it launched before its store was lost. Pure.

They are told, never touched: their tasks may have builds, and another service may have the same name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ciprov.domain.mesos_frameworks import MasterFramework
from ciprov.domain.mesos_scheduler import DAY_S


@dataclass(frozen=True, slots=True)
class LostFramework:
    """`text` is one line, `way_out` what may be done. `tasks` are the ids of those that still run."""

    id: str
    tasks: tuple[str, ...]
    text: str
    way_out: str


def lost_frameworks(
    frameworks: Iterable[MasterFramework], name: str, own_id: str, master: str
) -> tuple[LostFramework, ...]:
    """`own_id` is the present framework's, empty before it has one; `master` is an address for people. By id."""
    return tuple(
        LostFramework(one.id, one.tasks, _text(one), _way_out(one, master))
        for one in sorted(frameworks, key=lambda one: one.id)
        if one.name == name and one.id != own_id
    )


def _text(framework: MasterFramework) -> str:
    tasks = f"{len(framework.tasks)} {'task' if len(framework.tasks) == 1 else 'tasks'}"
    if framework.connected:
        where = f" from {framework.hostname}" if framework.hostname else ""
        return f"another framework {framework.name} is subscribed{where} as {framework.id}, with {tasks}"
    return f"an earlier framework {framework.name} is away, {framework.id}, with {tasks}: {_end(framework)}"


def _end(framework: MasterFramework) -> str:
    seconds = framework.failover_timeout_s
    if not 0.0 <= seconds <= 10 * 365 * DAY_S:
        return "Mesos keeps them for good"
    patience = f"{seconds / DAY_S:.3g} days" if seconds >= 2 * DAY_S else f"{seconds:.0f} s"
    return f"Mesos ends them once it was away for {patience}"


def _way_out(framework: MasterFramework, master: str) -> str:
    if framework.connected:
        return "give one of the two services another name, unless the other is about to end"
    return (
        "let the builds on its agents end; then end it, with all its tasks: "
        f"curl -X POST {master.rstrip('/')}/master/teardown -d frameworkId={framework.id}"
    )
