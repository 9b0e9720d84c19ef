"""What becomes of an ACCEPT: which tasks are launched, and what is told about the others. Pure.

Bad launches are answered by task states alone: the call itself has been accepted long before.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ciprov.localcluster.master import statuses
from ciprov.localcluster.master.frameworks import Framework
from ciprov.localcluster.master.launch_spec import DEFAULT_GRACE_SECONDS, kill_grace_s, launch_spec
from ciprov.localcluster.master.offers import Offer
from ciprov.localcluster.master.resources import NONE, BadResources, Wanted, fits, in_text, total, wanted
from ciprov.localcluster.master.task_rules import has_image, task_fault, unsupported
from ciprov.localcluster.master.tasks import Task, runtime_id
from ciprov.localcluster.model import Agent, Resources
from ciprov.localcluster.runtimes.port import LaunchSpec
from ciprov.localcluster.scheduling.agents import add, subtract

Json = Mapping[str, Any]

_NOT_SUPPORTED = "is not supported by the embedded cluster"


@dataclass(frozen=True, slots=True)
class Launch:
    task: Task
    spec: LaunchSpec = field(repr=False)
    """With the task's secrets."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """`events` go to the framework at once; of what `used` leaves of the offers nothing is launched."""

    launches: Sequence[Launch] = ()
    events: Sequence[Json] = ()
    used: Resources = NONE


@dataclass(frozen=True, slots=True)
class Asking:
    """Who accepts, and how things are. `live` are the ids of the framework's tasks; `new_id` makes container ids.

    Where agents do not switch users, tasks run as the user that the agents run as, unless their command names another.
    """

    framework: Framework
    agents: Mapping[str, Agent]
    live: Collection[str]
    now: float
    new_id: Callable[[], str]
    switch_user: bool = True


def offers_fault(asked: Sequence[str], offers: Mapping[str, Offer], framework_id: str) -> str:
    """Why these offers cannot be accepted together, in Mesos' words; empty where they can."""
    return next(_offer_faults(asked, offers, framework_id), "")


def _offer_faults(asked: Sequence[str], offers: Mapping[str, Offer], framework_id: str) -> Iterator[str]:
    if not asked:
        yield "No offers specified"
    seen: dict[str, Offer] = {}
    for offer_id in asked:
        offer = offers.get(offer_id)
        if offer_id in seen:
            yield f"Duplicate offer {offer_id} in offer list"
        if offer is None:
            yield f"Offer {offer_id} is no longer valid"
            continue
        if offer.framework_id != framework_id:
            told = f"framework {offer.framework_id} while framework {framework_id} is expected"
            yield f"Offer {offer_id} has invalid {told}"
        seen[offer_id] = offer
    first = next(iter(seen.values()), None)
    for other in seen.values():
        if first is not None and other.role != first.role:
            yield (
                f"Aggregated offers must be allocated to the same role. Offer {other.id} uses role '{other.role}' "
                f"but another is using role '{first.role}'"
            )
        if first is not None and other.agent_id != first.agent_id:
            yield (
                f"Aggregated offers must belong to one single agent. Offer {other.id} uses agent {other.agent_id} "
                f"and agent {first.agent_id}"
            )


def accept(asking: Asking, operations: Sequence[Json], offers: Sequence[Offer], fault: str) -> Accepted:
    """`offers` are those that are accepted, of one agent and role, unless there is a `fault` with them."""
    events: list[Json] = []
    launches: list[Launch] = []
    live = set(asking.live)
    left = total(offer.resources for offer in offers) if not fault else NONE
    used = NONE
    for operation in operations:
        for info in _launched(operation):
            if fault:
                task_id, agent_id = info["task_id"]["value"], info["agent_id"]["value"]
                status = statuses.dropped(task_id, agent_id, fault, asking.framework, asking.now)
                events.append(statuses.update_event(status))
                continue
            outcome = _launch(asking, info, offers[0], left, live)
            if isinstance(outcome, str):
                told = statuses.invalid(info["task_id"]["value"], info["agent_id"]["value"], outcome, asking.now)
                events.append(statuses.update_event(told))
                continue
            launches.append(outcome)
            live.add(outcome.task.id)
            left = subtract(left, outcome.task.resources)
            used = add(used, outcome.task.resources)
        events += _others(operation, fault, asking)
    return Accepted(launches, events, used)


def _launched(operation: Json) -> Sequence[Json]:
    if operation.get("type") != "LAUNCH":
        return ()
    return (operation.get("launch") or {}).get("task_infos") or ()


def _launch(asking: Asking, info: Json, offer: Offer, left: Resources, live: Collection[str]) -> Launch | str:
    """The launch, or why there is none."""
    agent = asking.agents[offer.agent_id]
    try:
        asked = wanted(info.get("resources") or (), agent.role, offer.role)
    except BadResources as error:
        return task_fault(info, agent.id, live) or str(error)
    fault = task_fault(info, agent.id, live) or _room_fault(asked, left, offer.role) or unsupported(info)
    if fault:
        return fault
    task = _task(asking, info, offer, agent, asked.amount)
    user = str(asking.framework.info.get("user") or "") if asking.switch_user else ""
    try:
        return Launch(task, launch_spec(task, info, user))
    except KeyError as error:
        return f"Task has no {error}"
    except (ValueError, TypeError, AttributeError, binascii.Error) as error:
        return f"Task cannot be understood: {error}"


def _room_fault(asked: Wanted, left: Resources, role: str) -> str:
    if not asked.elsewhere and fits(asked.amount, left):
        return ""
    available = in_text(left, role)
    return f"Total resources {asked.text} required by task and its executor is more than available {available}"


def _task(asking: Asking, info: Json, offer: Offer, agent: Agent, amount: Resources) -> Task:
    container_id = asking.new_id()
    grace = kill_grace_s(info.get("kill_policy"))
    task_id = str(info["task_id"]["value"])
    return Task(
        framework_id=asking.framework.id,
        id=task_id,
        name=str(info["name"]),
        agent_id=agent.id,
        host=agent.hostname,
        role=offer.role,
        resources=amount,
        container_id=container_id,
        runtime_id=runtime_id(task_id, container_id),
        kill_grace_s=DEFAULT_GRACE_SECONDS if grace is None else grace,
        contained=has_image(info.get("container") or {}),
        shown=_shown(info),
    )


def _shown(info: Json) -> Json:
    """Neither the command nor parameters, in which secrets may be."""
    shown = {name: info[name] for name in ("labels", "discovery", "kill_policy") if info.get(name) is not None}
    container = info.get("container")
    if container is None:
        return shown
    docker = container.get("docker") or {}
    public = {name: container[name] for name in ("type", "volumes", "network_infos", "mesos") if name in container}
    if docker:
        public["docker"] = {
            name: docker[name] for name in ("image", "network", "privileged", "port_mappings") if name in docker
        }
    return {**shown, "container": public}


def _others(operation: Json, fault: str, asking: Asking) -> Iterator[Json]:
    """Nothing but LAUNCH can be done here, and who asked for more is told where there is a way to tell."""
    kind = operation.get("type")
    if kind == "LAUNCH":
        return
    if kind == "LAUNCH_GROUP":
        group = (operation.get("launch_group") or {}).get("task_group") or {}
        for info in group.get("tasks") or ():
            task_id, agent_id = info["task_id"]["value"], info["agent_id"]["value"]
            if fault:
                status = statuses.dropped(task_id, agent_id, fault, asking.framework, asking.now)
            else:
                status = statuses.invalid(task_id, agent_id, f"LAUNCH_GROUP {_NOT_SUPPORTED}", asking.now)
                status = {**status, "reason": "REASON_TASK_GROUP_INVALID"}
            yield statuses.update_event(status)
        return
    operation_id = (operation.get("id") or {}).get("value")
    if operation_id:
        told = fault or f"{kind} {_NOT_SUPPORTED}"
        status = {"operation_id": {"value": operation_id}, "state": "OPERATION_ERROR", "message": told}
        yield {"type": "UPDATE_OPERATION_STATUS", "update_operation_status": {"status": status}}
