"""One template from its entry, and what contradicts itself in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ciprov.agents.queue import labels as grammar
from ciprov.agents.template import Container, Limits, SecretText, Start, Template
from ciprov.framework.requests import Wanted
from ciprov.settings.agents import values
from ciprov.settings.agents.container_keys import container
from ciprov.settings.agents.secrets import SecretSource
from ciprov.settings.agents.shapes import Findings, Members, members
from ciprov.settings.agents.template_keys import TEMPLATE_KEYS, Protocol
from ciprov.settings.document import Entry

NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,38}[A-Za-z0-9])?")
_STALL_S = 20
"""A WebSocket of Jenkins may stall for 16 seconds before it is connected."""
_SMALLEST_HEAP = re.compile(r"-Xm[sx](\d+)([kKmMgG]?)")
_MIB = {"": 1 / 2**20, "k": 1 / 1024, "m": 1, "g": 1024}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a template gets from the service: its name and the roles of its framework."""

    service: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Built:
    template: Template
    secrets: Mapping[str, SecretSource]
    entry: Members


def build(name: str, entry: Entry, around: Surroundings, findings: Findings) -> Built | None:
    """`entry` with its defaults merged in. None where something is missing or wrong, of which there are findings."""
    before = findings.told
    if not NAME.fullmatch(name):
        findings.tell(entry, f"'{name}' is no name: up to 40 letters, digits, and inner _ and - make one")
    found = members(entry, TEMPLATE_KEYS, findings)
    for key, what in (("cpus", "how many cores"), ("mem", "how many MiB")):
        if key not in found:
            findings.tell(entry, f"it is wanted: {what} an agent gets; here or in agents.defaults", key)
    box = found.get("container")
    inner = container(box, found.get("gpus", 0), findings) if isinstance(box, Members) else Container()
    labels = found.get("labels", (name,))
    prefix = found.get("unique_prefix", f"{around.service}.{name}.")
    _tell_labels(found, labels, prefix, findings)
    _tell_numbers(found, around, findings)
    if findings.told != before or (isinstance(box, Members) and box.wrong):
        return None
    mapped = tuple(mapping.host_port for mapping in inner.network.port_mappings)
    env = found.get("env", {})
    template = Template(
        name=name,
        labels=labels,
        wanted=Wanted(
            ports=(*mapped, *found.get("ports", ())), **found.given(cpus="cpus", mem="mem", disk="disk", gpus="gpus")
        ),
        roles=found.get("roles", around.roles),
        unique_prefix=prefix,
        container=inner,
        start=_start(found, env),
        limits=Limits(
            **found.given(most="most", warm="warm", idle_s="idle", online_s="online", unreachable_s="unreachable"),
            **found.given(grace_s="grace", attempts="attempts", retry_s="retry", pause_s="pause"),
        ),
        **found.given(expressions="expressions", constraints="constraints", priority="priority", weight="weight"),
        **found.given(algorithm="algorithm", exclusive="exclusive", expected_s="expected"),
    )
    return Built(template, {key: value for key, value in env.items() if isinstance(value, SecretSource)}, found)


def _start(found: Members, env: Mapping[str, Any]) -> Start:
    return Start(
        web_socket=found.get("protocol", Protocol.WEBSOCKET) is Protocol.WEBSOCKET,
        env=tuple((key, value) for key, value in env.items() if isinstance(value, str)),
        secret_env=tuple(
            (key, SecretText(value.origin)) for key, value in env.items() if isinstance(value, SecretSource)
        ),
        **found.given(java="java", jvm_options="jvm_options", arguments="arguments", work_dir="work_dir"),
        **found.given(
            jar_cache="jar_cache",
            cached_agent_jar="cached_agent_jar",
            class_data="class_data",
            reconnect_s="reconnect",
            user="user",
            uris="uris",
        ),
    )


def _tell_labels(found: Members, labels: tuple[str, ...], prefix: str, findings: Findings) -> None:
    if not found.sound("labels", "unique_prefix"):
        return
    own = next((label for label in labels if label.startswith(prefix)), "")
    if own:
        findings.tell(
            found.where("labels"),
            f"the label '{own}' begins with '{prefix}', which asks for an agent of its own; choose another label, or "
            "another unique_prefix",
        )
    for expression in found.get("expressions", ()):
        if not grammar.holds(grammar.parse(expression), labels):
            findings.tell(
                found.where("expressions"),
                f"'{expression}' does not hold for the labels {' '.join(labels)}: Jenkins gives its agents nothing "
                "that asks for it; add what is missing to labels",
            )


def _tell_numbers(found: Members, around: Surroundings, findings: Findings) -> None:
    limits = Limits(**found.given(most="most", warm="warm", online_s="online"))
    most_warm = max((warm.count for warm in limits.warm), default=0)
    if found.sound("most", "warm") and 0 < limits.most < most_warm:
        findings.tell(found.where("warm"), f"{most_warm} idle agents are more than the {limits.most} of `most`")
    web_socket = found.get("protocol", Protocol.WEBSOCKET) is Protocol.WEBSOCKET
    if found.sound("protocol", "online") and web_socket and limits.online_s < _STALL_S:
        findings.tell(
            found.where("online"),
            f"a WebSocket may stall for 16 seconds while it connects; take {_STALL_S}s or more, or protocol: tcp",
        )
    refused = values.WEB_SOCKET_REFUSED if web_socket else values.TCP_REFUSED
    for option in found.get("arguments", ()):
        if found.sound("protocol") and option in refused:
            other = Protocol.TCP if web_socket else Protocol.WEBSOCKET
            findings.tell(found.where("arguments"), f"agent.jar takes {option} only with protocol: {other}")
    foreign = [role for role in found.get("roles", ()) if role not in around.roles]
    if foreign:
        findings.tell(
            found.where("roles"),
            f"the framework has no role '{foreign[0]}', only {', '.join(around.roles)}; add it to framework.roles",
        )
    for option in found.get("jvm_options", ()):
        heap = _SMALLEST_HEAP.fullmatch(option)
        if heap and "mem" in found.values and int(heap[1]) * _MIB[heap[2].lower()] > found.values["mem"]:
            findings.tell(found.where("jvm_options"), f"{option} is more than the {found.values['mem']:g} MiB of `mem`")
    mapped = [each.host_port for each in _network_ports(found) if each.host_port]
    fixed = [each for each in found.get("ports", ()) if each] + mapped
    twice = next((each for number, each in enumerate(fixed) if each in fixed[:number]), None)
    if twice is not None:
        findings.tell(found.where("ports"), f"the port {twice} of the host is wanted twice")


def _network_ports(found: Members) -> tuple[Any, ...]:
    box = found.get("container")
    network = box.get("network") if isinstance(box, Members) else None
    return network.port_mappings if network is not None else ()
