"""Fields of a service that are parameters of `docker run`, and what they are called there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ciprov.environments.blueprint.nodes import Node
from ciprov.environments.importing.compose_draft import Draft
from ciprov.environments.importing.sources import Fields, Report, text_of

_SINGLE: Mapping[str, str] = {
    "user": "user",
    "working_dir": "workdir",
    "hostname": "hostname",
    "domainname": "domainname",
    "mac_address": "mac-address",
    "ipc": "ipc",
    "pid": "pid",
    "uts": "uts",
    "userns_mode": "userns",
    "cgroup": "cgroupns",
    "cgroup_parent": "cgroup-parent",
    "runtime": "runtime",
    "platform": "platform",
    "isolation": "isolation",
    "stop_signal": "stop-signal",
    "shm_size": "shm-size",
    "pids_limit": "pids-limit",
    "memswap_limit": "memory-swap",
    "mem_swappiness": "memory-swappiness",
    "oom_score_adj": "oom-score-adj",
    "cpuset": "cpuset-cpus",
}
_FLAGS: Mapping[str, str] = {
    "init": "init",
    "read_only": "read-only",
    "stdin_open": "interactive",
    "tty": "tty",
    "oom_kill_disable": "oom-kill-disable",
}
_LISTS: Mapping[str, str] = {
    "cap_add": "cap-add",
    "cap_drop": "cap-drop",
    "security_opt": "security-opt",
    "devices": "device",
    "device_cgroup_rules": "device-cgroup-rule",
    "dns": "dns",
    "dns_search": "dns-search",
    "dns_opt": "dns-option",
    "group_add": "group-add",
}
_PAIRS: Mapping[str, tuple[str, str]] = {
    "sysctls": ("sysctl", "="),
    "extra_hosts": ("add-host", ":"),
    "annotations": ("annotation", "="),
}


@dataclass
class DockerParameters:
    report: Report

    def take(self, draft: Draft, fields: Fields) -> None:
        """All fields that `docker run` knows."""
        for name, parameter in _SINGLE.items():
            node = fields.take(name)
            if node is not None:
                self._one(draft, parameter, node, f"{draft.key}.{name}")
        for name, parameter in _FLAGS.items():
            node = fields.take(name)
            if node is None:
                continue
            if not isinstance(node.value, bool):
                self._one(draft, parameter, node, f"{draft.key}.{name}")
            elif node.value:
                draft.parameter(parameter, "true", node)
        for name, parameter in _LISTS.items():
            node = fields.take(name)
            for index, item in enumerate((node.items() or [node]) if node is not None and node.value != [] else []):
                self._one(draft, parameter, item, f"{draft.key}.{name}[{index}]")
        for name, (parameter, sign) in _PAIRS.items():
            node = fields.take(name)
            if node is not None and not isinstance(node.value, dict):
                self.report.lost(node, f"{draft.key}.{name}", f"{node.shown} does not fit here")
            for key, member in node.members() if node is not None else ():
                for item in member.items() or [member]:
                    text = text_of(item)
                    draft.parameter(parameter, f"{key}{sign}{text if text is not None else ''}", item)
        self._ulimits(draft, fields)
        self._logging(draft, fields)

    def _one(self, draft: Draft, parameter: str, node: Node, key: str) -> None:
        text = text_of(node)
        if text is None:
            self.report.lost(node, key, f"{node.shown} has no counterpart here")
        else:
            draft.parameter(parameter, text, node)

    def _ulimits(self, draft: Draft, fields: Fields) -> None:
        node = fields.take("ulimits")
        if node is not None and not isinstance(node.value, dict):
            self.report.lost(node, f"{draft.key}.ulimits", f"{node.shown} does not fit here")
        for name, member in node.members() if node is not None else ():
            inner = Fields(member)
            both = [text for part in ("soft", "hard") if (at := inner.take(part)) and (text := text_of(at))]
            value = text_of(member) or ":".join(both)
            if value:
                draft.parameter("ulimit", f"{name}={value}", member)
            else:
                self.report.lost(member, f"{draft.key}.ulimits.{name}", "it says no limit")

    def _logging(self, draft: Draft, fields: Fields) -> None:
        node = fields.take("logging")
        if node is None:
            return
        inner = Fields(node)
        driver, options = inner.take("driver"), inner.take("options")
        if driver is not None:
            self._one(draft, "log-driver", driver, f"{draft.key}.logging.driver")
        for name, member in options.members() if options else ():
            if (text := text_of(member)) is not None:
                draft.parameter("log-opt", f"{name}={text}", member)
        for name, member in inner.rest():
            self.report.lost_field(member, f"{draft.key}.logging.{name}", "docker has no such option of logging")
