"""Amounts of resources as Mesos' state tells them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ciprov.localcluster.model import Resources

Json = dict[str, Any]


def amounts(amount: Resources) -> Json:
    result: Json = {
        "cpus": float(amount.cpus),
        "mem": float(amount.mem),
        "disk": float(amount.disk),
        "gpus": float(amount.gpus),
    }
    return {**result, "ports": ranges(amount.ports)} if amount.ports else result


def ranges(ports: Iterable[int]) -> str:
    """Ports in Mesos' text form, `[31000-31009, 31020-31020]`."""
    found: list[list[int]] = []
    for port in sorted(ports):
        if found and port == found[-1][1] + 1:
            found[-1][1] = port
        else:
            found.append([port, port])
    return f"[{', '.join(f'{first}-{last}' for first, last in found)}]"
