"""`ports` and `expose` of a service, in all their forms."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ciprov.environments.blueprint.nodes import Node
from ciprov.environments.importing.compose_draft import Draft
from ciprov.environments.importing.identifiers import legal_element
from ciprov.environments.importing.parameters import Parameters
from ciprov.environments.importing.references import shown, whole
from ciprov.environments.importing.sources import Fields, Report, text_of

_MOST = 200
_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


@dataclass
class Ports:
    parameters: Parameters
    report: Report

    def ports(self, draft: Draft, listed: Node) -> None:
        key = f"{draft.key}.ports"
        if not isinstance(listed.value, list):
            self.report.lost(listed, key, f"{listed.shown} does not fit here", "write a list of ports")
        for index, item in enumerate(listed.items()):
            where = f"{key}[{index}]"
            if isinstance(item.value, dict):
                self._long(draft, item, where)
            elif (text := text_of(item)) is not None:
                self._short(draft, item, text, where)
            else:
                self.report.lost(item, where, f"{item.shown} is no port")

    def expose(self, draft: Draft, listed: Node) -> None:
        key = f"{draft.key}.expose"
        for index, item in enumerate(listed.items() or [listed]):
            text = text_of(item)
            number, _, protocol = (text or "").partition("/")
            if not self._take(draft, number, protocol, item, ""):
                self.report.lost(item, f"{key}[{index}]", f"{item.shown} is no port")

    def _short(self, draft: Draft, node: Node, text: str, key: str) -> None:
        bare, _, protocol = text.partition("/")
        host, published, container = "", "", bare
        if ":" in bare:
            rest, _, container = bare.rpartition(":")
            host, _, published = rest.rpartition(":")
        if not self._take(draft, container, protocol, node, ""):
            self.report.lost(
                node, key, f"{shown(text)!r} is no port that can be taken over", "write container ports out"
            )
            return
        self._told(draft, node, key, (host.strip("[]"), published))

    def _long(self, draft: Draft, node: Node, key: str) -> None:
        fields = Fields(node)
        target, published, protocol = fields.take("target"), fields.take("published"), fields.take("protocol")
        host, name, mode = fields.take("host_ip"), fields.take("name"), fields.take("mode")
        fields.take("app_protocol")
        text = (text_of(target) if target else None) or ""
        label = legal_element(text_of(name) or "").replace(".", "-") if name else ""
        if not self._take(draft, text, (text_of(protocol) if protocol else None) or "tcp", node, label):
            self.report.lost(node, key, "it names no port of the container", "add target")
            return
        if mode is not None and text_of(mode) not in {"ingress", "host"}:
            self.report.lost_field(mode, f"{key}.mode", f"{mode.shown} is not known")
        for rest, member in fields.rest():
            self.report.lost_field(member, f"{key}.{rest}", "this field of a port is not known")
        self._told(draft, node, key, ((text_of(host) if host else None) or "", _text(published)))

    def _told(self, draft: Draft, node: Node, key: str, published: tuple[str, str]) -> None:
        host, port = published
        if draft.is_on_host_network:
            self.report.lost(node, key, "ports are ignored with network_mode: host, as Compose does")
        elif host and host not in {"0.0.0.0", "::"} and whole(host) is None:  # noqa: S104
            self.report.lost(node, key, f"the address {shown(host)} is not kept: service ports are open to all")
        if port and not draft.is_on_host_network:
            message = f"port {shown(port)} of the host is not fixed: ciprov allocates a service port per environment"
            self.report.translated(node, key, message)

    def _take(self, draft: Draft, container: str, protocol: str, node: Node, name: str) -> bool:
        protocol = (protocol or "tcp").lower()
        if protocol not in {"tcp", "udp"}:
            return False
        parameter = whole(container)
        if parameter is not None:
            self.parameters.use_as(parameter, "integer")
            draft.port(container, protocol, node, name)
            return True
        match = _RANGE.fullmatch(container)
        if match is None:
            return False
        first, last = int(match[1]), int(match[2] or match[1])
        if not 0 < first <= last <= 65535 or last - first >= _MOST:
            return False
        for number in range(first, last + 1):
            draft.port(number, protocol, node, name if first == last else "")
        return True


def _text(node: Node | None) -> str:
    return (text_of(node) or "") if node is not None else ""
