"""The header's `hooks`: read, checked, and filled in as the apps are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ciprov.environments.blueprint import durations
from ciprov.environments.blueprint.checking import Checker
from ciprov.environments.blueprint.fields import Anything, ListOf, MapOf, Number, Spec, Text
from ciprov.environments.blueprint.findings import Finding
from ciprov.environments.blueprint.nodes import Node, joined, plain
from ciprov.environments.blueprint.records import HookEntry, Parameter
from ciprov.environments.blueprint.substitution import names
from ciprov.environments.blueprint.suggestions import did_you_mean, listed
from ciprov.environments.hooks.records import Hook, Stage

WAYS = ("run", "local", "http")
SECONDS = 300
SMOKE_SECONDS = 30
_NAME = Text(
    pattern=r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", described="up to 40 lower-case letters, digits, inner dashes"
)
_TEXT = Text(pattern=r"(?s).*\S.*", described="a text that is not empty")
_AMOUNT = Number(minimum=0)
_FIELDS: Mapping[str, Spec] = {
    "name": _NAME,
    "run": _TEXT,
    "local": _TEXT,
    "http": Text(pattern=r"https?://\S+", described="a URL that starts with http:// or https://"),
    "like": _TEXT,
    "env": MapOf(Text(from_scalar=True)),
    "cpus": _AMOUNT,
    "mem": _AMOUNT,
    "disk": _AMOUNT,
    "timeout": Anything(),
    "status": Number(minimum=100, maximum=599, integer=True),
    "text": _TEXT,
    "kinds": ListOf(Text()),
    "on_failure": Text(enum=("stop", "continue")),
}
_ONLY_WITH: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("like", "cpus", "mem", "disk"), ("run",)),
    **dict.fromkeys(("status", "text"), ("http",)),
    "env": ("run", "local"),
}
_STATIC = ("name", "like", "kinds", "on_failure")
"""Fields without placeholders."""


def read_hooks(
    root: Node, file: str, parameters: Mapping[str, Parameter], kinds: Collection[str]
) -> tuple[tuple[HookEntry, ...], list[Finding]]:
    """All hooks that could be understood, and what is wrong with them before anything is filled in."""
    reader = _Reader(file, parameters, kinds)
    entries = tuple(reader.entries(root))
    return entries, reader.findings


def of_kind(entries: tuple[HookEntry, ...], kind: str) -> tuple[HookEntry, ...]:
    return tuple(entry for entry in entries if not entry.kinds or kind in entry.kinds)


def made(
    entry: HookEntry, file: str, apps: Collection[str], still_open: Callable[[str], tuple[str, ...]]
) -> tuple[Hook, list[Finding]]:
    """The hook of a filled-in entry. `apps` are the ids of the apps there are; `still_open` tells the parameters in a
    text that have no value, so that the text cannot be judged.
    """
    reader = _Reader(file, {}, (), is_open=lambda text: bool(still_open(text)))
    values = reader.values(entry)
    hidden = [way for way in (*WAYS, "text", "status", "timeout") if (at := entry.node.get(way)) and at.secret]
    for name in hidden:
        reader.add(entry.node.get(name) or entry.node, f"{entry.key}.{name}", *_NO_SECRET)
    like = values.get("like", "").strip("/")
    if like and like not in apps:
        at = entry.node.get("like") or entry.node
        reader.add(at, f"{entry.key}.like", f"there is no app {like!r}", listed(apps), did_you_mean(like, apps))
    if values.get("run") and (own := f"ciprov-hook-{entry.name}") in apps:
        reader.add(entry.node, entry.key, f"the app {own} has the id that this hook needs", "", "rename one of them")
    missing = tuple(dict.fromkeys(name for text in entry.node.texts() for name in still_open(text)))
    shortest = SMOKE_SECONDS if entry.stage == Stage.SMOKE else SECONDS
    hook = Hook(
        stage=Stage(entry.stage),
        name=entry.name,
        run=values.get("run", ""),
        local=values.get("local", ""),
        http=values.get("http", ""),
        like=like,
        env=values.get("env", {}),
        cpus=values.get("cpus"),
        mem=values.get("mem"),
        disk=values.get("disk"),
        timeout=values.get("timeout") or shortest,
        status=values.get("status", 200),
        text=values.get("text", ""),
        goes_on=values.get("on_failure") == "continue",
        missing=missing,
    )
    return hook, reader.findings


_NO_SECRET = (
    "a secret cannot stand here, where others could read it",
    "",
    "put it into the hook's `env` and use the variable",
)


@dataclass
class _Reader:
    file: str
    parameters: Mapping[str, Parameter]
    kinds: Collection[str]
    is_open: Callable[[str], bool] | None = None
    findings: list[Finding] = field(default_factory=list)

    def _is_open(self, text: str) -> bool:
        """Before anything is filled in, every placeholder is open."""
        return self.is_open(text) if self.is_open else any(True for _ in names(text, self.parameters))

    def entries(self, root: Node) -> Iterator[HookEntry]:
        hooks = root.get("hooks")
        if hooks is None:
            return
        stages = [stage.value for stage in Stage]
        if not isinstance(hooks.value, dict):
            self.add(hooks, "hooks", f"{hooks.shown} does not fit here", f"a mapping with {', '.join(stages)}")
            return
        found: list[HookEntry] = []
        for stage, items in hooks.members():
            key = f"hooks.{stage}"
            if stage not in stages:
                self.add_key(items, key, "unknown field", ", ".join(stages), did_you_mean(stage, stages))
            elif items.value is not None and not isinstance(items.value, list):
                self.add(items, key, f"{items.shown} does not fit here", "a list of hooks")
            else:
                for index, item in enumerate(items.items()):
                    entry = self._entry(stage, item, f"{key}[{index}]", found)
                    found += [entry] if entry else []
        yield from found

    def _entry(self, stage: str, node: Node, key: str, before: list[HookEntry]) -> HookEntry | None:
        if not isinstance(node.value, dict):
            self.add(node, key, f"{node.shown} does not fit here", f"a mapping with {', '.join(_FIELDS)}")
            return None
        for name, member in node.members():
            if name not in _FIELDS:
                self.add_key(
                    member, joined(key, name), "unknown field", ", ".join(_FIELDS), did_you_mean(name, _FIELDS)
                )
        self._ways(stage, node, key)
        self._placeholders(node, key)
        named, kinds = node.get("name"), node.get("kinds")
        entry = HookEntry(
            stage=stage,
            name=named.value if named and isinstance(named.value, str) else "",
            key=key,
            node=node,
            kinds=tuple(str(one.value) for one in kinds.items()) if kinds else (),
        )
        if named is None:
            self.add(node, f"{key}.name", "this field is missing")
        self.values(entry)
        self._kinds(entry)
        if any(entry.name and other.name == entry.name and _meet(other, entry) for other in before):
            self.add(named or node, f"{key}.name", f"there are two hooks {entry.name!r}", "", "rename one of them")
        return entry

    def _ways(self, stage: str, node: Node, key: str) -> None:
        ways = [way for way in WAYS if node.get(way) is not None]
        if len(ways) != 1:
            said = f"this hook has {' and '.join(ways)}" if ways else "this hook does nothing"
            self.add(node, key, said, "exactly one of run, local, http")
            return
        (way,) = ways
        if way == "http" and stage != Stage.SMOKE:
            self.add_key(
                node.value["http"], f"{key}.http", f"{stage} has no http checks", "run, local", "move it to smoke"
            )
        for name, wanted in _ONLY_WITH.items():
            member = node.get(name)
            if member is not None and way not in wanted:
                self.add_key(member, f"{key}.{name}", f"a hook with {way} has no {name}", "", "remove it")
        on_failure = node.get("on_failure")
        if on_failure is not None and stage != Stage.BEFORE_DOWN:
            message = f"{stage} has no on_failure"
            self.add_key(on_failure, f"{key}.on_failure", message, "", "use --on-failure of `env up`, or `… || true`")

    def _placeholders(self, node: Node, key: str) -> None:
        for name in _STATIC:
            member = node.get(name)
            for one in [member, *member.items()] if member else []:
                if isinstance(one.value, str) and "${" in one.value:
                    self.add(one, f"{key}.{name}", "placeholders cannot stand here")
        for field_name, member in node.members():
            if field_name == "env" or not isinstance(member.value, str):
                continue
            used = {one for one in names(member.value, self.parameters) if one in self.parameters}
            if any(self.parameters[one].is_secret for one in used):
                self.add(member, f"{key}.{field_name}", *_NO_SECRET)

    def _kinds(self, entry: HookEntry) -> None:
        member = entry.node.get("kinds")
        for index, one in enumerate(member.items() if member else []):
            if isinstance(one.value, str) and "${" not in one.value and one.value not in self.kinds:
                message = f"there is no kind {one.value!r}"
                key = f"{entry.key}.kinds[{index}]"
                self.add(one, key, message, listed(self.kinds), did_you_mean(one.value, self.kinds))

    def values(self, entry: HookEntry) -> dict[str, Any]:
        """The values that fit, by field; of those that do not, or are open, nothing."""
        found: dict[str, Any] = {}
        checker = Checker(self.file, self._is_open, entry.key)
        for name, spec in _FIELDS.items():
            member = entry.node.get(name)
            if member is None:
                continue
            before = len(checker.findings)
            checked = checker.check(member, spec, f"{entry.key}.{name}")
            is_open = isinstance(checked.value, str) and self._is_open(checked.value)
            if len(checker.findings) == before and not is_open:
                found[name] = plain(checked)
        self.findings += checker.findings
        timeout = entry.node.get("timeout")
        if timeout is not None and "timeout" in found:
            found["timeout"] = self._seconds(timeout, f"{entry.key}.timeout")
        return found

    def _seconds(self, node: Node, key: str) -> int | None:
        total = durations.seconds(node.value) if isinstance(node.value, str) else None
        if not total:
            way_out = f"give the unit, such as {node.value}s" if node.written.isdecimal() else ""
            self.add(node, key, f"{node.shown} is no duration", durations.ALLOWED, way_out)
        return total or None

    def add(self, node: Node, key: str, message: str, allowed: str = "", way_out: str = "") -> None:
        at = node.at
        self.findings.append(Finding(self.file, at.line, at.column, key, message, allowed, way_out))

    def add_key(self, node: Node, key: str, message: str, allowed: str = "", way_out: str = "") -> None:
        at = node.key_at
        self.findings.append(Finding(self.file, at.line, at.column, key, message, allowed, way_out))


def _meet(one: HookEntry, other: HookEntry) -> bool:
    """Whether some kind has both."""
    return not one.kinds or not other.kinds or bool(set(one.kinds) & set(other.kinds))
