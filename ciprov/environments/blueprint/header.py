"""The header of a blueprint: everything but its group."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ciprov.environments.blueprint import durations
from ciprov.environments.blueprint.fields import APP, GROUP_FIELDS
from ciprov.environments.blueprint.findings import Finding, Severity
from ciprov.environments.blueprint.hooks import read_hooks
from ciprov.environments.blueprint.nodes import EMPTY, Node, joined, plain
from ciprov.environments.blueprint.parameters import expected, unfit, variable
from ciprov.environments.blueprint.records import DEFAULT_TIMEOUT, PARAMETER_TYPES, Blueprint, Parameter, Route
from ciprov.environments.blueprint.suggestions import did_you_mean, listed, nearest
from ciprov.foundation.json import JsonValue

FIELDS = (
    *("blueprint", "description", "parameters", "kinds", "default_kind", "ttl", "timeout", "routes", "hooks"),
    "group",
)
_PARAMETER_FIELDS = ("type", "default", "minimum", "maximum", "enum", "pattern", "description")
_ROUTE_FIELDS = ("name", "app", "port", "path")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_PARAMETER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_EVERY_KIND = "default"
_MOST_SECONDS = 10 * 366 * 86400


def read_header(root: Node, file: str) -> tuple[Blueprint, list[Finding]]:
    """The blueprint with all that its header says, as far as it can be understood, and what is wrong with it."""
    reader = _Header(file)
    return reader.read(root), reader.findings


@dataclass
class _Header:
    file: str
    findings: list[Finding] = field(default_factory=list)

    def read(self, root: Node) -> Blueprint:
        if not isinstance(root.value, dict):
            shape = "a list of apps" if isinstance(root.value, list) else root.shown
            self.add(
                root, "", f"a blueprint is a mapping, this is {shape}", way_out="put apps under `group:` → `apps:`"
            )
            return Blueprint(self.file)
        for name, member in root.members():
            if name not in FIELDS:
                self._unknown(name, member)
        self._shared_variables(root)
        kinds = dict(self._mapping(root, "kinds"))
        parameters = {name: self._parameter(name, node) for name, node in self._mapping(root, "parameters")}
        hooks, found = read_hooks(root, self.file, parameters, kinds)
        self.findings += found
        ttl, ttl_by_kind = self._lifetimes(root, kinds)
        return Blueprint(
            file=self.file,
            name=self._name(root),
            description=self._text(root, "description"),
            parameters=parameters,
            kinds=kinds,
            default_kind=self._default_kind(root, kinds),
            ttl=ttl,
            ttl_by_kind=ttl_by_kind,
            timeout=self._duration(root, "timeout", DEFAULT_TIMEOUT) or DEFAULT_TIMEOUT,
            routes=tuple(self._routes(root)),
            hooks=hooks,
            group=self._group(root),
        )

    def _unknown(self, name: str, member: Node) -> None:
        meant = nearest(name, FIELDS)
        if meant is None and (name in GROUP_FIELDS or name in APP.members):
            way_out = "move it under `group:`" if name in GROUP_FIELDS else "move it into an app of `group:` → `apps:`"
            self.key(member, name, "this is a field of Marathon, not of the header", way_out=way_out)
        else:
            self.key(member, name, "unknown field", ", ".join(FIELDS), f"did you mean {meant}?" if meant else "")

    def _name(self, root: Node) -> str:
        name = self._text(root, "blueprint", required=True)
        node = root.get("blueprint")
        if name and node and not (_NAME.fullmatch(name) and len(name) <= 63):
            allowed = "at most 63 lower-case letters, digits and inner dashes"
            self.add(node, "blueprint", f"{node.shown} is no usable name", allowed)
        return name

    def _group(self, root: Node) -> Node:
        group = root.get("group")
        if group is None:
            self.add(root, "group", "this field is missing", "a Marathon group with apps")
            return EMPTY
        if not isinstance(group.value, dict):
            shown = "a list" if isinstance(group.value, list) else group.shown
            self.add(group, "group", f"{shown} does not fit here", "a mapping with apps and groups")
            return EMPTY
        return group

    def _default_kind(self, root: Node, kinds: dict[str, Node]) -> str:
        name = self._text(root, "default_kind")
        node = root.get("default_kind")
        if name and node and name not in kinds:
            self.add(node, "default_kind", f"there is no kind {name!r}", listed(kinds), did_you_mean(name, kinds))
        return name

    def _lifetimes(self, root: Node, kinds: dict[str, Node]) -> tuple[int | None, dict[str, int | None]]:
        """One for all, or a mapping by kind in which `default` stands for every kind that it does not name."""
        node = root.get("ttl")
        if node is None or not isinstance(node.value, dict):
            return self._duration(root, "ttl", None, never=True), {}
        by_kind: dict[str, int | None] = {}
        for name, member in node.members():
            if name not in kinds and name != _EVERY_KIND:
                allowed = [_EVERY_KIND, *kinds]
                meant = did_you_mean(name, allowed)
                self.key(member, f"ttl.{name}", f"there is no kind {name!r}", listed(allowed), meant)
            else:
                by_kind[name] = self._duration(node, name, None, never=True, within="ttl")
        default = by_kind.get(_EVERY_KIND)
        return default, {name: seconds for name, seconds in by_kind.items() if name in kinds}

    def _duration(
        self, root: Node, name: str, default: int | None, *, never: bool = False, within: str = ""
    ) -> int | None:
        node, key = root.get(name), joined(within, name)
        if node is None or (never and node.value == "never"):
            return default
        total = durations.seconds(node.value) if isinstance(node.value, str) else None
        allowed = durations.ALLOWED + (", or never" if never else "")
        if _is_number(node.value) and node.value <= 0:
            self.add(node, key, f"{node.shown} is out of range", allowed)
        elif total is None:
            way_out = f"give the unit, such as {node.value}s" if node.written.isdecimal() else ""
            self.add(node, key, f"{node.shown} is no duration", allowed, way_out)
        elif not 0 < total <= _MOST_SECONDS:
            self.add(node, key, f"{node.shown} is out of range", "more than nothing and at most ten years")
        else:
            return total
        return default

    def _routes(self, root: Node) -> Iterator[Route]:
        routes = root.get("routes")
        if routes is not None and not isinstance(routes.value, list):
            self.add(routes, "routes", f"{routes.shown} does not fit here", "a list of routes")
            return
        seen: set[str] = set()
        for index, node in enumerate(routes.items() if routes else []):
            key = f"routes[{index}]"
            if not self._members(node, key, _ROUTE_FIELDS):
                continue
            port = node.get("port")
            path = self._text(node, "path", key) or "/"
            name = self._text(node, "name", key, required=True)
            if port is not None and (isinstance(port.value, bool) or not isinstance(port.value, str | int)):
                self.add(port, f"{key}.port", f"{port.shown} does not fit here", "a port's name or index")
                port = None
            if not path.startswith("/"):
                self.add(node.get("path") or node, f"{key}.path", f"{path!r} is no path", "a path that starts with /")
            if name and name in seen:
                self.add(node, f"{key}.name", f"there are two routes {name!r}")
            seen.add(name)
            app = self._text(node, "app", key, required=True).strip("/")
            yield Route(name, app, str(port.value) if port else "0", path, node.at)

    def _shared_variables(self, root: Node) -> None:
        """Parameters that one environment variable would set: `a-b` and `a_b`, `tag` and `TAG`."""
        first: dict[str, str] = {}
        parameters = root.get("parameters")
        for name, node in parameters.members() if parameters else ():
            other = first.setdefault(variable(name), name)
            if other != name:
                message = f"{other!r} and {name!r} share the environment variable {variable(name)}"
                self.key(node, f"parameters.{name}", message, way_out="rename one of them")

    def _parameter(self, name: str, node: Node) -> Parameter:
        key = f"parameters.{name}"
        if not _PARAMETER_NAME.fullmatch(name):
            self.key(node, key, f"{name!r} is no usable name", "letters, digits, _ and -, starting with a letter")
        if not self._members(node, key, _PARAMETER_FIELDS):
            return Parameter(name, "string", at=node.key_at)
        kind = self._text(node, "type", key) or "string"
        if kind not in PARAMETER_TYPES:
            way_out = did_you_mean(kind, PARAMETER_TYPES)
            place = node.get("type") or node
            self.add(place, f"{key}.type", f"there is no type {kind!r}", ", ".join(PARAMETER_TYPES), way_out)
            return Parameter(name, "string", at=node.key_at)
        parameter = Parameter(
            name,
            kind,
            description=self._text(node, "description", key),
            default=node.get("default"),
            minimum=self._limit(node, "minimum", key, kind),
            maximum=self._limit(node, "maximum", key, kind),
            enum=self._enum(node, key, kind),
            pattern=self._pattern(node, key, kind),
            at=node.key_at,
        )
        self._default(parameter, key)
        low, high = parameter.minimum, parameter.maximum
        if low is not None and high is not None and low > high:
            self.add(node, key, f"the minimum {low:g} is above the maximum {high:g}")
        return parameter

    def _default(self, parameter: Parameter, key: str) -> None:
        default = parameter.default
        if default is None:
            return
        if parameter.is_secret and default.value != "":
            message = "the default of a secret stands in clear in this file and in ciprov's records"
            self.add(
                default, f"{key}.default", message, way_out="leave it out where it matters", severity=Severity.WARNING
            )
        open_text = isinstance(default.value, str) and "${" in default.value
        if not open_text and unfit(parameter, plain(default)):
            shown = "the default" if parameter.is_secret else default.shown
            way_out = "put it in quotes" if parameter.type in {"string", "secret"} and _is_scalar(default.value) else ""
            self.add(default, f"{key}.default", f"{shown} does not fit", expected(parameter), way_out)

    def _limit(self, node: Node, name: str, key: str, kind: str) -> float | None:
        limit = node.get(name)
        if limit is None:
            return None
        if kind not in {"integer", "number"}:
            self.key(limit, f"{key}.{name}", f"a {kind} has no {name}", way_out="remove it, or use type: integer")
        elif not _is_number(limit.value):
            self.add(limit, f"{key}.{name}", f"{limit.shown} does not fit here", "a number")
        else:
            number: float = limit.value
            return number
        return None

    def _enum(self, node: Node, key: str, kind: str) -> tuple[object, ...]:
        enum = node.get("enum")
        if enum is None:
            return ()
        bare = Parameter("", kind)
        bad = [item for item in enum.items() if unfit(bare, plain(item))]
        if not enum.items() or bad:
            allowed = f"a list of values of type {kind}"
            self.add(bad[0] if bad else enum, f"{key}.enum", f"{(bad or [enum])[0].shown} does not fit here", allowed)
            return ()
        return tuple(plain(item) for item in enum.items())

    def _pattern(self, node: Node, key: str, kind: str) -> str | None:
        text = self._text(node, "pattern", key)
        pattern = node.get("pattern")
        if not text or pattern is None:
            return None
        if kind not in {"string", "secret"}:
            self.key(
                pattern,
                f"{key}.pattern",
                f"a parameter of type {kind} has no pattern",
                way_out="use minimum, maximum or enum",
            )
            return None
        try:
            re.compile(text)
        except (re.error, OverflowError, RecursionError) as error:
            self.add(pattern, f"{key}.pattern", f"not a regular expression: {error}")
            return None
        return text

    def _mapping(self, root: Node, key: str) -> Iterator[tuple[str, Node]]:
        node = root.get(key)
        if node is not None and not isinstance(node.value, dict):
            self.add(node, key, f"{node.shown} does not fit here", "a mapping by name")
        elif node is not None:
            yield from node.members()

    def _members(self, node: Node, key: str, known: tuple[str, ...]) -> bool:
        """Whether `node` is a mapping; its unknown members are reported."""
        if not isinstance(node.value, dict):
            self.add(node, key, f"{node.shown} does not fit here", f"a mapping with {', '.join(known)}")
            return False
        for name, member in node.members():
            if name not in known:
                self.key(member, joined(key, name), "unknown field", ", ".join(known), did_you_mean(name, known))
        return True

    def _text(self, node: Node, name: str, key: str = "", *, required: bool = False) -> str:
        member = node.get(name)
        if member is None or member.value == "":
            if required:
                self.add(
                    member or node, joined(key, name), "this field is missing" if member is None else "this is empty"
                )
            return ""
        if not isinstance(member.value, str):
            way_out = "put it in quotes" if _is_scalar(member.value) else ""
            self.add(member, joined(key, name), f"{member.shown} does not fit here", "text", way_out)
            return ""
        return member.value

    def add(
        self,
        node: Node,
        key: str,
        message: str,
        allowed: str = "",
        way_out: str = "",
        severity: Severity = Severity.ERROR,
    ) -> None:
        at = node.at
        self.findings.append(Finding(self.file, at.line, at.column, key, message, allowed, way_out, severity))

    def key(self, node: Node, key: str, message: str, allowed: str = "", way_out: str = "") -> None:
        at = node.key_at
        self.findings.append(Finding(self.file, at.line, at.column, key, message, allowed, way_out))


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_scalar(value: JsonValue) -> bool:
    return isinstance(value, bool | int | float)
