"""Resources in Mesos' JSON, and in its text. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from ciprov.localcluster.model import Resources
from ciprov.localcluster.scheduling.agents import add, subtract

Json = dict[str, Any]

SCALARS = ("cpus", "mem", "disk", "gpus")
LEAST_CPUS = 0.01
LEAST_MEM = 32.0
NONE = Resources()
_LAST_PORT = 65535


class BadResources(ValueError):
    """What a task names as its resources makes no sense; the text says why, in Mesos' words."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a task asks for. `text` is as Mesos writes it; `elsewhere` says that no offer here can hold it."""

    amount: Resources
    text: str
    elsewhere: bool = False


def worth_offering(amount: Resources) -> bool:
    return amount.cpus >= LEAST_CPUS or amount.mem >= LEAST_MEM


def fits(wanted: Resources, available: Resources) -> bool:
    left = subtract(available, wanted)
    return min(left.cpus, left.mem, left.disk, left.gpus) >= 0 and wanted.ports <= available.ports


def total(amounts: Iterable[Resources]) -> Resources:
    result = NONE
    for amount in amounts:
        result = add(result, amount)
    return result


def above_zero(amount: Resources) -> Resources:
    """What is overdrawn, as after a restart on a smaller machine, is nothing."""
    return Resources(
        max(0.0, amount.cpus), max(0.0, amount.mem), max(0.0, amount.disk), max(0, amount.gpus), amount.ports
    )


def in_json(amount: Resources, agent_role: str, allocated: str) -> list[Json]:
    """As in an offer to the role `allocated`; what an agent keeps for a role bears that role."""
    result: list[Json] = []
    if amount.ports:
        pairs = [{"begin": first, "end": last} for first, last in port_ranges(amount.ports)]
        result.append({"name": "ports", "type": "RANGES", "ranges": {"range": pairs}})
    for name in SCALARS:
        value = float(getattr(amount, name))
        if value > 0:
            result.append({"name": name, "type": "SCALAR", "scalar": {"value": value}})
    roles = {"role": agent_role, "allocation_info": {"role": allocated}}
    return [{**resource, **roles} for resource in result]


def in_text(amount: Resources, allocated: str) -> str:
    parts = [f"ports(allocated: {allocated}):[{_ranges_text(amount.ports)}]"] if amount.ports else []
    for name in SCALARS:
        value = float(getattr(amount, name))
        if value > 0:
            parts.append(f"{name}(allocated: {allocated}):{plain(value)}")
    return "; ".join(parts)


def port_ranges(ports: Iterable[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for port in sorted(ports):
        if found and port == found[-1][1] + 1:
            found[-1] = (found[-1][0], port)
        else:
            found.append((port, port))
    return found


def wanted(resources: Sequence[Mapping[str, Any]], agent_role: str, allocated: str) -> Wanted:
    """The sum of a task's resources. Raises BadResources."""
    amount, texts, elsewhere = NONE, [], False
    roles: dict[str, None] = {}
    for resource in resources:
        given = (resource.get("allocation_info") or {}).get("role")
        role = allocated if given is None else given
        roles[role] = None
        piece, text = _piece(resource, "" if given is None else f"(allocated: {given})")
        if not text:
            continue
        texts.append(f"{resource['name']}(allocated: {role}):{text}")
        elsewhere = elsewhere or piece is None or role != allocated or _reserved(resource) not in {"*", agent_role}
        amount = add(amount, piece or NONE)
    if len(roles) > 1:
        first, second = sorted(roles)[:2]
        raise BadResources(
            f"Invalid task resources: The resources have multiple allocation roles ('{first}' and '{second}') "
            "but only one allocation role is allowed"
        )
    if not resources:
        raise BadResources("Task uses no resources")
    return Wanted(amount, "; ".join(texts), elsewhere)


def _piece(resource: Mapping[str, Any], allocation: str) -> tuple[Resources | None, str]:
    """None where no agent has such a resource; no text where the amount is nothing. Raises BadResources."""
    name = str(resource["name"])
    if any(resource.get(key) is not None for key in ("disk", "revocable", "shared", "provider_id")):
        return None, "special"
    if not name:
        raise BadResources(f"Resource ':{_as_given(resource)}' is invalid: Empty resource name")
    if resource.get("type") == "RANGES":
        return _ranges(resource, f"{name}{allocation}")
    value = (resource.get("scalar") or {}).get("value")
    if resource.get("type") != "SCALAR" or isinstance(value, bool) or not isinstance(value, int | float):
        raise BadResources(f"Resource '{name}{allocation}' is invalid: Invalid scalar resource")
    rounded = round(value, 3) if math.isfinite(value) else value
    if (value and rounded <= 0) or not math.isfinite(value):
        shown = plain(rounded or 0)
        raise BadResources(f"Resource '{name}{allocation}:{shown}' is invalid: Invalid scalar resource: value <= 0")
    if not rounded:
        return NONE, ""
    if name not in SCALARS:
        return None, plain(rounded)
    if name == "gpus":
        if rounded != int(rounded):
            told = "The 'gpus' resource must be an unsigned integer"
            raise BadResources(f"Task uses invalid resources: Invalid 'gpus' resource: {told}")
        rounded = int(rounded)
    change: Json = {name: rounded}
    return replace(NONE, **change), plain(rounded)


def _ranges(resource: Mapping[str, Any], name: str) -> tuple[Resources | None, str]:
    pairs = [(pair["begin"], pair["end"]) for pair in (resource.get("ranges") or {}).get("range") or []]
    wrong = next(_range_faults(pairs), "")
    if wrong:
        raise BadResources(f"Resource '{name}:{_as_given(resource)}' is invalid: Invalid ranges resource: {wrong}")
    if not pairs:
        return NONE, ""
    if resource["name"] != "ports" or max(last for _, last in pairs) > _LAST_PORT:
        return None, _as_given(resource)
    ports = frozenset(port for first, last in pairs for port in range(first, last + 1))
    return Resources(ports=ports), f"[{_ranges_text(ports)}]"


def _range_faults(pairs: Sequence[tuple[int, int]]) -> Iterator[str]:
    if any(first < 0 or first > last for first, last in pairs):
        yield "begin > end"
    in_order = sorted(pairs)
    if any(later[0] <= earlier[1] for earlier, later in pairwise(in_order)):
        yield "overlapping ranges"


def _as_given(resource: Mapping[str, Any]) -> str:
    if resource.get("type") != "RANGES":
        return plain((resource.get("scalar") or {}).get("value", 0))
    texts = [f"{pair['begin']}-{pair['end']}" for pair in (resource.get("ranges") or {}).get("range") or []]
    return f"[{', '.join(texts)}]"


def _reserved(resource: Mapping[str, Any]) -> str:
    """The role that a resource is kept for: the newest form first."""
    reservations = resource.get("reservations")
    return str(reservations[-1].get("role", "*") if reservations else resource.get("role", "*"))


def _ranges_text(ports: Iterable[int]) -> str:
    return ", ".join(f"{first}-{last}" for first, last in port_ranges(ports))


def plain(value: float) -> str:
    return str(int(value)) if math.isfinite(value) and value == int(value) else str(value)
