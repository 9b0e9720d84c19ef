"""`/metrics/snapshot` of the Mesos master, as far as there is something to count. Pure."""

from __future__ import annotations

from collections import Counter

from ciprov.localcluster.api.port import Engine
from ciprov.localcluster.master.resources import SCALARS, total
from ciprov.localcluster.master.state import MasterState
from ciprov.localcluster.model import HOLDS_RESOURCES, TASK_STATES, Resources
from ciprov.localcluster.scheduling.agents import resources_of

_LIVE = ("staging", "starting", "running", "killing", "unreachable")
_OVER = ("finished", "failed", "killed", "error", "dropped", "lost", "gone", "gone_by_operator")


def figures(engine: Engine, known: MasterState, uptime_s: float) -> dict[str, float]:
    """Figures of what is over count from the daemon's start, and for Marathon's own tasks not at all."""
    agents = engine.agents
    connected = len(known.streams) + 1
    away = len(known.frameworks) - len(known.streams)
    states = Counter(task.state if task.unreachable_at is None else "TASK_UNREACHABLE" for task in known.holding())
    states += Counter(TASK_STATES[each.condition] for each in engine.instances() if each.condition in HOLDS_RESOURCES)
    return {
        "master/elected": 1.0,
        "master/uptime_secs": uptime_s,
        "master/slaves_active": float(sum(agent.active for agent in agents)),
        "master/slaves_inactive": float(sum(not agent.active and not agent.lost for agent in agents)),
        "master/slaves_connected": float(sum(not agent.lost for agent in agents)),
        "master/slaves_disconnected": 0.0,
        "master/slaves_unreachable": float(sum(agent.lost for agent in agents)),
        "master/frameworks_active": float(connected),
        "master/frameworks_inactive": float(away),
        "master/frameworks_connected": float(connected),
        "master/frameworks_disconnected": float(away),
        "master/outstanding_offers": float(len(known.offers)),
        **{f"master/tasks_{name}": float(states[f"TASK_{name.upper()}"]) for name in _LIVE},
        **{f"master/tasks_{name}": float(known.ended.get(f"TASK_{name.upper()}", 0)) for name in _OVER},
        **_amounts(total(agent.total for agent in agents), _used(engine)),
    }


def _used(engine: Engine) -> Resources:
    held = [
        resources_of(app)
        for each in (*engine.instances(), *engine.strays())
        if each.condition in HOLDS_RESOURCES and (app := engine.app_version(each.app_id, each.app_version)) is not None
    ]
    return total((*held, *engine.held_by_frameworks().values()))


def _amounts(whole: Resources, used: Resources) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in SCALARS:
        there, taken = float(getattr(whole, name)), float(getattr(used, name))
        found[f"master/{name}_total"] = there
        found[f"master/{name}_used"] = taken
        found[f"master/{name}_percent"] = taken / there if there else 0.0
    return found
