"""Tasks as a scheduler describes them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from plain_mesos import Json


def scalar(name: str, value: float, role: str = "ci") -> Json:
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, "allocation_info": {"role": role}}


def ports(*numbers: int, role: str = "ci") -> Json:
    return _ranges([(number, number) for number in numbers], role)


def port_range(first: int, last: int, role: str = "ci") -> Json:
    return _ranges([(first, last)], role)


def _ranges(pairs: Sequence[tuple[int, int]], role: str) -> Json:
    ranges = [{"begin": first, "end": last} for first, last in pairs]
    return {"name": "ports", "type": "RANGES", "ranges": {"range": ranges}, "allocation_info": {"role": role}}


def new_id(name: str = "task") -> str:
    return f"{name}-{uuid.uuid4().hex[:8]}"


def shell(line: str, **fields: Any) -> Json:
    return {"value": line, **fields}


def task(
    offer: Json, command: Json | str, task_id: str = "", cpus: float = 0.1, mem: float = 32, **fields: Any
) -> Json:
    """For the agent of `offer`, in its role; `resources` in `fields` replace cpus and mem (MB)."""
    role = offer["allocation_info"]["role"]
    name = task_id or new_id()
    return {
        "name": name,
        "task_id": {"value": name},
        "agent_id": offer["agent_id"],
        "resources": [scalar("cpus", cpus, role), scalar("mem", mem, role)],
        "command": shell(command) if isinstance(command, str) else command,
        **fields,
    }


def id_of(task_info: Json) -> str:
    return str(task_info["task_id"]["value"])


def environment(**values: str) -> Sequence[Json]:
    return [{"name": name, "type": "VALUE", "value": value} for name, value in values.items()]


def amounts(offer: Json) -> dict[str, Any]:
    """`cpus`, `mem`, `disk` as numbers, `ports` as a set."""
    found: dict[str, Any] = {}
    for resource in offer["resources"]:
        if resource["type"] == "RANGES":
            ranges = resource["ranges"]["range"]
            more = {port for one in ranges for port in range(one["begin"], one["end"] + 1)}
            found[resource["name"]] = found.get(resource["name"], set()) | more
        else:
            found[resource["name"]] = found.get(resource["name"], 0.0) + resource["scalar"]["value"]
    return found
