"""From the options to virtual agents: this machine's size by default, shared evenly."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from ciprov.localcluster.daemon.options import DEFAULT_PORTS, Options, port_range
from ciprov.localcluster.daemon.traits import with_traits
from ciprov.localcluster.model import Agent, Resources
from ciprov.localcluster.scheduling.agents import split


def machine_size(meminfo: str, cpus: int | None, disk_free_bytes: int) -> Mapping[str, float]:
    """`cpus`, `mem` and `disk` of this machine; `meminfo` is the text of `/proc/meminfo`."""
    match = re.search(r"^MemTotal:\s+(\d+) kB", meminfo, re.MULTILINE)
    return {
        "cpus": float(cpus or 1),
        "mem": float(int(match[1]) // 1024 if match else 1024),
        "disk": float(disk_free_bytes // 1024**2),
    }


def virtual_agents(options: Options, address: str, directory: Path) -> tuple[Agent, ...]:
    """The agents that the options ask for, of the machine's size by default.

    `address` is the cluster's own and the first agent's; the others have the addresses behind it.
    """
    size = machine_size(_meminfo(), os.cpu_count(), shutil.disk_usage(directory).free)
    total = Resources(
        cpus=float(options.cpus or size["cpus"]),
        mem=float(options.mem or size["mem"]),
        disk=float(options.disk or size["disk"]),
    )
    first, last = port_range(options.ports or DEFAULT_PORTS)
    hostnames = [hostname(address, index) for index in range(options.agents or 1)]
    return with_traits(split(total, hostnames, first, last), options.attributes or "", options.roles or "")


def hostname(address: str, index: int) -> str:
    """The loopback address of the agent at that place, so that each is a host of its own to its tasks."""
    network, _, own = address.rpartition(".")
    return f"{network}.{int(own) + index}"


def _meminfo() -> str:
    try:
        return Path("/proc/meminfo").read_text()
    except OSError:
        return ""
