"""Host names of other services in values: certain ones become `${service.<app>.<port>}`, the rest is told."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ciprov.environments.blueprint.nodes import Node
from ciprov.environments.importing.compose_draft import Draft
from ciprov.environments.importing.references import ref, shown
from ciprov.environments.importing.sources import Report, text_of

_SCHEMES = {
    "http": 80,
    "https": 443,
    "ws": 80,
    "postgres": 5432,
    "postgresql": 5432,
    "mysql": 3306,
    "mariadb": 3306,
    "redis": 6379,
    "amqp": 5672,
    "mongodb": 27017,
    "nats": 4222,
    "memcached": 11211,
}
_HOST_KEY = re.compile(r"host(name)?$|addr(ess)?$|server$|node$|endpoint$|broker$|_svc$|service$|ip$", re.I)
_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?:[^/@\s]*@)?$")
_PORT = re.compile(r":(\d{1,5})(?![\w.])")


@dataclass
class Links:
    """Looks for the host names of `drafts` in each other's values."""

    drafts: Sequence[Draft]
    report: Report
    _by_name: dict[str, Draft] = field(default_factory=dict)
    _pattern: re.Pattern[str] | None = None

    def resolve(self) -> None:
        """Rewrites env and args; ports that are spoken of are declared."""
        for draft in self.drafts:
            for name in {draft.service, *draft.names}:
                self._by_name.setdefault(name, draft)
        names = sorted((re.escape(name) for name in self._by_name), key=len, reverse=True)
        if not names:
            return
        self._pattern = re.compile(rf"(?<![A-Za-z0-9_.\-])(?:{'|'.join(names)})(?![A-Za-z0-9_\-]|\.[A-Za-z0-9])")
        for draft in self.drafts:
            self.report.owner = draft.node.at
            for name in draft.env:
                draft.env[name] = self._env(draft, name, draft.env[name])
            args = draft.args or []
            for index, node in enumerate(args):
                args[index] = self._value(node, f"{draft.key}.command[{index}]", is_address=index > 0)
            self._check(draft)

    def _env(self, draft: Draft, name: str, node: Node) -> Node:
        key = f"{draft.key}.environment.{name}"
        target = self._by_name.get(node.value) if isinstance(node.value, str) else None
        paired = self._paired(draft, name, target) if target is not None else None
        if target is not None and paired is not None:
            other, number = paired
            port = target.port(number, "tcp", node)
            base = f"service.{target.id}.{port.name}"
            draft.env[other] = draft.env[other].with_value(ref(f"{base}.port"))
            self.report.translated(node, key, f"with {other} it is the address of {target.service}: ${{{base}}}")
            return node.with_value(ref(f"{base}.host"))
        return self._value(node, key, is_address=_HOST_KEY.search(name) is not None)

    def _paired(self, draft: Draft, name: str, target: Draft) -> tuple[str, int] | None:
        """The variable that gives the port to a host's one: `DB_HOST` and `DB_PORT`."""
        match = re.search(r"(host(name)?|addr(ess)?|server)$", name, re.I)
        if match is None or target.is_on_host_network:
            return None
        port = "port" if match.group().islower() else "PORT"
        for other in (name[: match.start()] + port, f"{name}_{port}"):
            node = draft.env.get(other)
            text = text_of(node) if node is not None else None
            if text and text.isascii() and text.isdigit() and 0 < int(text[:6]) <= 65535:
                return other, int(text)
        return None

    def _value(self, node: Node, key: str, *, is_address: bool) -> Node:
        text = node.value
        if self._pattern is None or not isinstance(text, str) or len(text) > 100_000:
            return node
        if "host.docker.internal" in text:
            self.report.lost(node, key, "host.docker.internal is a name of Docker alone", "make it a parameter")
        parts: list[str] = []
        end = 0
        for match in self._pattern.finditer(text):
            if match.start() < end:
                continue
            target, number, after = self._by_name[match.group()], self._number(text, match), match.end()
            if number is None or target.is_on_host_network:
                self._uncertain(node, key, match, is_address=is_address)
                continue
            port = _PORT.match(text, after)
            name = target.port(number, "tcp", node).name
            parts += [text[end : match.start()], ref(f"service.{target.id}.{name}")]
            end = port.end() if port else after
            self.report.translated(node, key, f"{match.group()}:{number} becomes ${{service.{target.id}.{name}}}")
        return node.with_value("".join([*parts, text[end:]])) if parts else node

    def _number(self, text: str, match: re.Match[str]) -> int | None:
        """The port that certainly belongs to the name at `match`."""
        before = text[: match.start()]
        scheme = _SCHEME.search(before[-300:])
        port = _PORT.match(text, match.end())
        if port is not None:
            is_sure = not before or scheme is not None or before[-1] in "@,;= \t\n\"'([|"
            return int(port[1]) if is_sure and 0 < int(port[1]) <= 65535 else None
        if scheme is None or text[match.end() : match.end() + 1] not in {"", "/", "?", ",", " ", '"', "'"}:
            return None
        return _SCHEMES.get(scheme["scheme"].lower().rpartition(":")[2].split("+")[0])

    def _uncertain(self, node: Node, key: str, match: re.Match[str], *, is_address: bool) -> None:
        text, name = match.string, match.group()
        before, after = text[: match.start()], text[match.end() : match.end() + 1]
        way_out = f"write ${{service.{self._by_name[name].id}.<port>}}, or its .host and .port"
        if text == name and not is_address:
            message = f"{name!r} is the name of a service; it is taken as plain text"
            self.report.translated(node, key, message, f"if its address is meant, {way_out}")
        elif text == name or after == ":" or before.endswith(("//", "@")):
            message = f"{shown(name)} is the host name of a service, unknown on Marathon, and its port is not said"
            if self._by_name[name].is_on_host_network:
                message = f"{shown(name)} is a service on the host's network: its address is that of its agent"
            self.report.lost(node, key, message, way_out)

    def _check(self, draft: Draft) -> None:
        """In a health check, its own name is the container itself."""
        command = draft.check.get("command") if draft.check else None
        value = command.get("value") if command else None
        if draft.check is None or command is None or value is None or self._pattern is None:
            return
        own = {draft.service, *draft.names}
        key = f"{draft.key}.healthcheck.test"

        def local(match: re.Match[str]) -> str:
            is_host = match.string[: match.start()].endswith(("//", "@")) or _PORT.match(match.string, match.end())
            if match.group() not in own or not is_host:
                if is_host:
                    self._uncertain(value, key, match, is_address=True)
                return match.group()
            self.report.translated(value, key, f"{match.group()} is the container itself here: localhost")
            return "localhost"

        changed = value.with_value(self._pattern.sub(local, value.value))
        draft.check = draft.check.with_members({"command": command.with_members({"value": changed})})
