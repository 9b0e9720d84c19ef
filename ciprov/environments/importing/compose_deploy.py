"""`deploy`, replicas and limits of a service: instances, cpus, mem, constraints."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from ciprov.environments.blueprint.nodes import Node, node_of
from ciprov.environments.importing.compose_draft import Draft, number_in
from ciprov.environments.importing.compose_health import seconds
from ciprov.environments.importing.parameters import Parameters
from ciprov.environments.importing.references import shown, whole
from ciprov.environments.importing.sources import Fields, Report, text_of

CPUS, MEM = "app_cpus", "app_mem"
_BYTES = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*([kmgt]?)i?b?", re.I)
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_NODE = re.compile(r"\s*node\.hostname\s*(==|!=)\s*([\w.-]+)\s*")
_RESTARTS = {"always", "unless-stopped", "any"}


@dataclass
class Deploy:
    parameters: Parameters
    report: Report

    def take(self, draft: Draft, fields: Fields) -> None:
        deploy = fields.take("deploy")
        inner = Fields(deploy) if deploy is not None else Fields(Node({}))
        key = f"{draft.key}.deploy"
        self._instances(draft, fields, inner)
        resources = Fields(inner.take("resources") or Node({}))
        limits = Fields(resources.take("limits") or Node({}))
        reserved = Fields(resources.take("reservations") or Node({}))
        self._amounts(draft, fields, limits, reserved)
        pids = limits.take("pids")
        if pids is not None and (text := text_of(pids)) is not None:
            draft.parameter("pids-limit", text, pids)
        self._placement(draft, inner)
        self._restart(draft, fields.take("restart"), inner.take("restart_policy"))
        labels = inner.take("labels")
        if labels is not None:
            self.report.lost_field(labels, f"{key}.labels", "labels of the service in Swarm", "move them to labels")
        for left, where, about in (
            (inner, key, "Docker Swarm alone knows this"),
            (resources, f"{key}.resources", "there is no counterpart"),
            (limits, f"{key}.resources.limits", "there is no counterpart"),
            (reserved, f"{key}.resources.reservations", "there is no counterpart"),
        ):
            for name, member in left.rest():
                self.report.lost_field(member, f"{where}.{name}", about)

    def _instances(self, draft: Draft, fields: Fields, deploy: Fields) -> None:
        replicas, scale, mode = deploy.take("replicas"), fields.take("scale"), deploy.take("mode")
        node = replicas or scale
        count = number_in(node)
        if node is not None and (name := whole(count)) is not None:
            self.parameters.use_as(name, "integer")
            draft.app["instances"] = node
        elif node is not None and isinstance(count, int | float) and count >= 0 and count == int(count):
            draft.app["instances"] = node.with_value(int(count))
        elif node is not None:
            self.report.lost(node, f"{draft.key}.deploy.replicas", f"{node.shown} is no count: one instance is taken")
        if mode is not None and mode.value == "global":
            draft.app["constraints"] = node_of([["hostname", "UNIQUE"]], mode.at)
            message = "Marathon has no mode that follows the number of agents: set instances to it"
            self.report.lost(mode, f"{draft.key}.deploy.mode", message)
        elif mode is not None and mode.value != "replicated":
            self.report.lost(mode, f"{draft.key}.deploy.mode", "Marathon runs services, not jobs that end")

    def _amounts(self, draft: Draft, fields: Fields, limits: Fields, reserved: Fields) -> None:
        cpu = [limits.take("cpus"), fields.take("cpus")], [reserved.take("cpus")]
        mem = (
            [limits.take("memory"), fields.take("mem_limit")],
            [reserved.take("memory"), fields.take("mem_reservation")],
        )
        chosen = self._amount(draft, (*cpu[1], *cpu[0]), "cpus")
        about = "CPUs of each app whose Compose service names none."
        draft.app["cpus"] = chosen or self._assumed(draft, CPUS, "0.2", about, "number")
        chosen = self._amount(draft, (*mem[0], *mem[1]), "mem")
        about = "Memory in MiB of each app whose Compose service names none; a task that needs more is killed."
        draft.app["mem"] = chosen or self._assumed(draft, MEM, "512", about, "integer")

    def _assumed(self, draft: Draft, name: str, default: str, about: str, kind: str) -> Node:
        text = self.parameters.declare(name, draft.node, default, about, kind)
        message = f"it names no {name.removeprefix('app_')}, which Marathon needs: the parameter {name} stands in"
        self.report.translated(draft.node, draft.key, message)
        return Node(text, draft.node.at, draft.node.key_at)

    def _amount(self, draft: Draft, nodes: tuple[Node | None, ...], what: str) -> Node | None:
        """The first usable amount: Marathon has one figure for what is reserved and what limits."""
        found: Node | None = None
        for node in nodes:
            if node is None:
                continue
            value = self._value(node, what, draft)
            if value is None:
                continue
            if found is None:
                found = node.with_value(value)
            elif found.value != value:
                message = f"Marathon has one figure for {what}: {found.value} is taken, not {value}"
                self.report.lost_field(node, f"{draft.key}.{what}", message)
        return found

    def _value(self, node: Node, what: str, draft: Draft) -> int | float | str | None:
        text = text_of(node) or ""
        name = whole(text)
        if name is not None and what == "cpus":
            self.parameters.use_as(name, "number")
            return text
        default = self.parameters.known[name].default if name in self.parameters.known else None
        if name is not None and default is not None:
            self.report.lost(node, f"{draft.key}.{what}", f"{shown(text)} is taken by its default {default}")
            text = default
        if what == "cpus":
            value = number_in(Node(text, written=node.written))
            if isinstance(value, int | float) and 0 < value < 10_000:
                return value
        elif (match := _BYTES.fullmatch(text.strip())) is not None:
            mebibytes = float(match[1]) * _UNITS[match[2].lower()] / (1 << 20)
            if mebibytes < 1e9:
                return max(1, math.ceil(mebibytes))
        self._unusable(node, what, draft)
        return None

    def _unusable(self, node: Node, what: str, draft: Draft) -> None:
        """Tell an amount that means nothing."""
        self.report.lost(node, f"{draft.key}.{what}", f"{shown(node.shown)} is no usable amount")

    def _placement(self, draft: Draft, deploy: Fields) -> None:
        key = f"{draft.key}.deploy.placement"
        placement = Fields(deploy.take("placement") or Node({}))
        constraints, most = placement.take("constraints"), placement.take("max_replicas_per_node")
        made: list[list[str]] = []
        for index, item in enumerate(constraints.items() if constraints else []):
            match = _NODE.fullmatch(text_of(item) or "")
            if match is None:
                message = f"{shown(item.shown)} speaks of Swarm nodes"
                self.report.lost(item, f"{key}.constraints[{index}]", message, "write a constraint on agents")
            else:
                made.append(["hostname", "CLUSTER" if match[1] == "==" else "UNLIKE", match[2]])
        if most is not None and (count := text_of(most)) is not None:
            made.append(["hostname", "MAX_PER", count])
        if made:
            own = node_of(made, (constraints or most or draft.node).at)
            before = draft.app.get("constraints")
            draft.app["constraints"] = own.with_value([*(before.items() if before else []), *own.items()])
        for name, member in placement.rest():
            self.report.lost_field(member, f"{key}.{name}", "there is no counterpart")

    def _restart(self, draft: Draft, restart: Node | None, policy: Node | None) -> None:
        if restart is not None:
            text = "no" if restart.value is False else text_of(restart) or ""
            if whole(text) is not None:
                self.report.lost(restart, f"{draft.key}.restart", "Marathon always restarts, so this is not kept")
            elif text not in _RESTARTS:
                message = f"restart: {shown(text)}: Marathon starts a task again whenever it ends, also after success"
                self.report.lost(restart, f"{draft.key}.restart", message, "run what ends by itself outside of it")
        if policy is None:
            return
        fields, key = Fields(policy), f"{draft.key}.deploy.restart_policy"
        condition, delay = fields.take("condition"), fields.take("delay")
        if condition is not None and text_of(condition) not in _RESTARTS:
            message = f"{shown(condition.shown)}: Marathon starts a task again whenever it ends"
            self.report.lost(condition, f"{key}.condition", message)
        wait = seconds(text_of(delay) or "") if delay is not None else None
        if delay is not None and wait is not None:
            draft.app["backoffSeconds"] = delay.with_value(math.ceil(wait))
        elif delay is not None:
            self.report.lost(delay, f"{key}.delay", f"{delay.shown} is no duration")
        for name, member in fields.rest():
            self.report.lost_field(member, f"{key}.{name}", "Marathon goes on restarting, with growing pauses")
