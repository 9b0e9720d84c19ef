"""`container.docker.parameters`: options of `docker run` as key and value, put into the body of a creation. Pure.

Dashes before a key are ignored. What is not listed here is refused rather than dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]


class BadContainer(ValueError):
    """The engine cannot be asked for such a container; the message is for the app's author."""


def apply(body: Json, parameters: tuple[tuple[str, str], ...], address: str) -> None:
    """Put the parameters into `body`, in order. Published ports without an address get `address`.

    Raises BadContainer with the key that is unknown or whose value cannot be read.
    """
    for given, value in parameters:
        key = given.lstrip("-")
        name = _SHORT.get(key, key)
        try:
            if name == "publish":
                _publish(body, value, address)
            elif name in _PLACES:
                _PLACES[name](body, value)
            elif name in _REFUSED:
                raise BadContainer(f"the docker parameter '{given}' is not supported: {_REFUSED[name]}")
            elif name not in _IGNORED:
                raise BadContainer(
                    f"the docker parameter '{given}' is not supported by the embedded cluster; it knows "
                    + ", ".join(sorted({*_PLACES, "publish"}))
                )
        except (ValueError, IndexError) as error:
            if isinstance(error, BadContainer):
                raise
            raise BadContainer(f"the docker parameter '{given}' cannot have the value '{value}'") from None


def size(text: str) -> int:
    """Bytes of `512`, `64m` or `1.5g`; raises ValueError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([bkmgt]?)b?", text.strip().lower())
    if match is None:
        raise ValueError(text)
    return int(float(match[1]) * 1024 ** "bkmgt".index(match[2] or "b"))


def flag(text: str) -> bool:
    """`true` and `false`; an option without a value is on."""
    if text.lower() not in {"", "1", "t", "true", "0", "f", "false"}:
        raise ValueError(text)
    return text.lower() in {"", "1", "t", "true"}


Place = Callable[[Json, str], None]


def _value(key: str, read: Callable[[str], Any] = str) -> Place:
    def place(body: Json, text: str) -> None:
        body[key] = read(text)

    return place


def _host_value(key: str, read: Callable[[str], Any] = str) -> Place:
    def place(body: Json, text: str) -> None:
        body["HostConfig"][key] = read(text)

    return place


def _host_list(key: str, read: Callable[[str], Any] = str) -> Place:
    def place(body: Json, text: str) -> None:
        body["HostConfig"].setdefault(key, []).append(read(text))

    return place


def _pair(text: str, separator: str = "=") -> tuple[str, str]:
    name, found, value = text.partition(separator)
    if not name or not found:
        raise ValueError(text)
    return name, value


def _host_pair(key: str) -> Place:
    def place(body: Json, text: str) -> None:
        name, value = _pair(text)
        body["HostConfig"].setdefault(key, {})[name] = value

    return place


def _env(body: Json, text: str) -> None:
    name, value = _pair(text)
    body["Env"] = [entry for entry in body["Env"] if not entry.startswith(f"{name}=")] + [f"{name}={value}"]


def _label(body: Json, text: str) -> None:
    name, _, value = text.partition("=")
    body["Labels"][name] = value


def _entrypoint(body: Json, text: str) -> None:
    body["Entrypoint"] = [text] if text else [""]


def _volume(body: Json, text: str) -> None:
    parts = text.split(":")
    if len(parts) == 1 and text.startswith("/"):
        body.setdefault("Volumes", {})[text] = {}
    elif len(parts) in {2, 3} and parts[0] and parts[1].startswith("/"):
        body["HostConfig"].setdefault("Binds", []).append(text)
    else:
        raise ValueError(text)


def _tmpfs(body: Json, text: str) -> None:
    path, _, options = text.partition(":")
    if not path.startswith("/"):
        raise ValueError(text)
    body["HostConfig"].setdefault("Tmpfs", {})[path] = options


def _ulimit(text: str) -> Json:
    name, value = _pair(text)
    soft, _, hard = value.partition(":")
    return {"Name": name, "Soft": int(soft), "Hard": int(hard or soft)}


def _device(text: str) -> Json:
    parts = text.split(":")
    inside = parts[1] if len(parts) > 1 and parts[1].startswith("/") else parts[0]
    rights = parts[-1] if len(parts) > 1 and not parts[-1].startswith("/") else "rwm"
    return {"PathOnHost": parts[0], "PathInContainer": inside, "CgroupPermissions": rights}


def _log_option(body: Json, text: str) -> None:
    name, value = _pair(text)
    body["HostConfig"]["LogConfig"].setdefault("Config", {})[name] = value


def _log_driver(body: Json, text: str) -> None:
    body["HostConfig"]["LogConfig"]["Type"] = text


def _memory(body: Json, text: str) -> None:
    """With as much swap as before: none of its own, unless the author gives it."""
    limits = body["HostConfig"]
    if limits.get("MemorySwap") == limits.get("Memory"):
        limits["MemorySwap"] = size(text)
    limits["Memory"] = size(text)


def _network(body: Json, text: str) -> None:
    body["Network"] = text


def _alias(body: Json, text: str) -> None:
    body["Aliases"].append(text)


def _restart(_: Json, text: str) -> None:
    if text != "no":
        raise BadContainer(f"the docker parameter 'restart={text}' is not supported: Marathon itself relaunches tasks")


def _publish(body: Json, text: str, address: str) -> None:
    rest, _, protocol = text.partition("/")
    *before, inside = rest.split(":")
    if len(before) > 2:
        raise ValueError(text)
    outside = before[-1] if before else ""
    add_port(body, int(inside), int(outside or 0), protocol or "tcp", (before[0] if len(before) == 2 else address,))


def add_port(body: Json, inside: int, outside: int, protocol: str, addresses: tuple[str, ...]) -> None:
    """Publish a container's port; `outside` 0 leaves the choice to the engine."""
    key = f"{inside}/{protocol}"
    body.setdefault("ExposedPorts", {})[key] = {}
    bindings = body["HostConfig"].setdefault("PortBindings", {}).setdefault(key, [])
    bindings += [{"HostIp": address, "HostPort": str(outside or "")} for address in addresses]


def _expose(body: Json, text: str) -> None:
    port, _, protocol = text.partition("/")
    body.setdefault("ExposedPorts", {})[f"{int(port)}/{protocol or 'tcp'}"] = {}


_SHORT = {"e": "env", "h": "hostname", "l": "label", "m": "memory", "p": "publish", "u": "user", "v": "volume"} | {
    "w": "workdir", "c": "cpu-shares", "network": "net", "network-alias": "net-alias", "dns-opt": "dns-option",
}  # fmt: skip

_PLACES: dict[str, Place] = {
    "add-host": _host_list("ExtraHosts"),
    "blkio-weight": _host_value("BlkioWeight", int),
    "cap-add": _host_list("CapAdd"),
    "cap-drop": _host_list("CapDrop"),
    "cgroup-parent": _host_value("CgroupParent"),
    "cpu-period": _host_value("CpuPeriod", int),
    "cpu-quota": _host_value("CpuQuota", int),
    "cpu-shares": _host_value("CpuShares", int),
    "cpus": _host_value("NanoCpus", lambda text: int(float(text) * 1e9)),
    "cpuset-cpus": _host_value("CpusetCpus"),
    "cpuset-mems": _host_value("CpusetMems"),
    "device": _host_list("Devices", _device),
    "dns": _host_list("Dns"),
    "dns-option": _host_list("DnsOptions"),
    "dns-search": _host_list("DnsSearch"),
    "domainname": _value("Domainname"),
    "entrypoint": _entrypoint,
    "env": _env,
    "expose": _expose,
    "group-add": _host_list("GroupAdd"),
    "hostname": _value("Hostname"),
    "init": _host_value("Init", flag),
    "ipc": _host_value("IpcMode"),
    "label": _label,
    "log-driver": _log_driver,
    "log-opt": _log_option,
    "mac-address": _value("MacAddress"),
    "memory": _memory,
    "memory-reservation": _host_value("MemoryReservation", size),
    "memory-swap": _host_value("MemorySwap", lambda text: -1 if text == "-1" else size(text)),
    "memory-swappiness": _host_value("MemorySwappiness", int),
    "name": _value("Name"),
    "net": _network,
    "net-alias": _alias,
    "no-healthcheck": lambda body, text: body.update(Healthcheck={"Test": ["NONE"]}) if flag(text) else None,
    "oom-kill-disable": _host_value("OomKillDisable", flag),
    "oom-score-adj": _host_value("OomScoreAdj", int),
    "pid": _host_value("PidMode"),
    "pids-limit": _host_value("PidsLimit", int),
    "privileged": _host_value("Privileged", flag),
    "read-only": _host_value("ReadonlyRootfs", flag),
    "restart": _restart,
    "runtime": _host_value("Runtime"),
    "security-opt": _host_list("SecurityOpt"),
    "shm-size": _host_value("ShmSize", size),
    "stop-signal": _value("StopSignal"),
    "sysctl": _host_pair("Sysctls"),
    "tmpfs": _tmpfs,
    "ulimit": _host_list("Ulimits", _ulimit),
    "user": _value("User"),
    "userns": _host_value("UsernsMode"),
    "uts": _host_value("UTSMode"),
    "volume": _volume,
    "volume-driver": _host_value("VolumeDriver"),
    "volumes-from": _host_list("VolumesFrom"),
    "workdir": _value("WorkingDir"),
}

_IGNORED = frozenset({"rm", "detach", "d", "pull", "quiet", "sig-proxy"})
"""They say how `docker run` behaves, and nobody runs that here."""

_REFUSED = {
    "tty": "a task's stdout and stderr are kept apart",
    "t": "a task's stdout and stderr are kept apart",
    "interactive": "nobody is at a task's input",
    "i": "nobody is at a task's input",
    "env-file": "use the app's env",
    "label-file": "use the parameter label",
    "stop-timeout": "use taskKillGracePeriodSeconds",
}
