"""One cluster from its layers: the file's entries, then the environment's variables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ciprov.environments.lifetime.reaping import Policy
from ciprov.settings.document import Entry, unknown_keys
from ciprov.settings.fields import CLUSTER_KEYS, GROUPS
from ciprov.settings.model import LOCAL, Cluster, Credentials, Tls
from ciprov.settings.secret import Secret, from_file, from_variable, given
from ciprov.settings.store_address import parse

if TYPE_CHECKING:
    from ciprov.settings.agents.model import AgentSettings

AGENTS = "agents"
"""The key of a section that is read only where somebody asks for it."""
CREDENTIALS = ("auth", "mesos_auth", "store_auth")


@dataclass(frozen=True, slots=True)
class Given:
    """A raw value, where it stands, and the directory that its relative paths start from."""

    raw: Any
    place: str
    base: Path


Layer = Mapping[str, Given]


def layer_of_entry(entry: Entry, path: str, base: Path, findings: list[str]) -> Layer:
    """The keys of one cluster in the file, `auth` and its like flattened to `auth.user`."""
    layer: dict[str, Given] = {}
    if not isinstance(entry.value, dict):
        findings.append(f"{entry.place}: {path}: a mapping is wanted")
        return layer
    top = [key for key in CLUSTER_KEYS if "." not in key]
    findings.extend(unknown_keys(entry, [*top, *GROUPS, AGENTS], f"{path}."))
    for key, member in entry.value.items():
        if key == AGENTS:
            layer[key] = Given(member, member.place, base)
        elif key in GROUPS:
            inner = {name.partition(".")[2]: name for name in CLUSTER_KEYS if name.startswith(f"{key}.")}
            if not isinstance(member.value, dict):
                findings.append(f"{member.place}: {path}.{key}: a mapping is wanted, with {', '.join(inner)}")
                continue
            findings.extend(unknown_keys(member, list(inner), f"{path}.{key}."))
            layer |= {
                inner[name]: Given(value.plain, value.place, base)
                for name, value in member.value.items()
                if name in inner
            }
        elif key in top:
            layer[key] = Given(member.plain, member.place, base)
    return _without_credentials(layer)


def layer_of_environment(environment: Mapping[str, str], base: Path) -> Layer:
    """An empty variable counts as not set."""
    return _without_credentials(
        {
            key: Given(environment[known.variable], f"variable {known.variable}", base)
            for key, known in CLUSTER_KEYS.items()
            if environment.get(known.variable, "").strip()
        }
    )


def _without_credentials(layer: Layer) -> Layer:
    """The credentials of `zk://user:password@…` stand under `store_auth` from here on."""
    item = layer.get("store")
    try:
        found = parse(item.raw) if item is not None and isinstance(item.raw, str) else None
    except ValueError:
        return layer
    if item is None or found is None or not found.user:
        return layer
    credentials = {"store_auth.user": found.user, "store_auth.password": found.password, "store": found.url}
    return {**layer, **{key: replace(item, raw=value) for key, value in credentials.items()}}


def over(upper: Layer, lower: Layer) -> Layer:
    """`upper` before `lower`. A way to authenticate replaces another as a whole: no token beside a password."""
    hidden: set[str] = set()
    if "store" in upper:  # the password of one store is not shown to another
        hidden |= {key for key in lower if key.startswith("store_auth.")}
    for group in CREDENTIALS:
        for kind, replaced in (("password", ("password", "token")), ("token", ("user", "password", "token"))):
            if any(key.startswith(f"{group}.{kind}") for key in upper):
                hidden |= {key for key in lower if key.startswith(tuple(f"{group}.{name}" for name in replaced))}
    return {key: value for key, value in lower.items() if key not in hidden} | dict(upper)


def build(name: str, layer: Layer, environment: Mapping[str, str], findings: list[str]) -> Cluster:
    """The cluster; what is wrong goes to `findings`, and the default stands in its place."""
    values: dict[str, Any] = {}
    section = layer.get(AGENTS)
    layer = {key: item for key, item in layer.items() if key != AGENTS}
    for key, item in layer.items():
        try:
            raw = item.raw
            if CLUSTER_KEYS[key].is_path and isinstance(raw, str):
                raw = str(item.base / Path(raw).expanduser())
            values[key] = CLUSTER_KEYS[key].parse(raw)
        except ValueError as error:
            findings.append(f"{item.place}: {key}: {error}")
    findings.extend(_contradictions(layer))
    top = {key: value for key, value in values.items() if "." not in key}
    return Cluster(
        name=name,
        auth=_credentials("auth", values, layer, environment),
        mesos_auth=_credentials("mesos_auth", values, layer, environment),
        store_auth=_credentials("store_auth", values, layer, environment),
        tls=Tls(**_members("tls", values)),
        reap=Policy(**_members("reap", values)),
        sources={key: item.place for key, item in layer.items()},
        load_agents=_deferred(section, name, layer, environment),
        **top,
    )


def _deferred(
    section: Given | None, name: str, layer: Layer, environment: Mapping[str, str]
) -> Callable[[], AgentSettings | None]:
    """Reads the section at the first call."""

    @cache
    def load() -> AgentSettings | None:
        if section is None or section.raw.value is None:
            return None
        from ciprov.settings.agents import loading

        role = str(layer["role"].raw).strip() if "role" in layer else ""
        place = loading.Place(section.base, role, has_mesos="mesos" in layer, embedded=name == LOCAL)
        return loading.load(section.raw, place, environment)

    return load


def _members(group: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {key.partition(".")[2]: value for key, value in values.items() if key.startswith(f"{group}.")}


def _contradictions(layer: Layer) -> Iterator[str]:
    for group in CREDENTIALS:
        ways = [key for key in layer if key.startswith((f"{group}.password", f"{group}.token"))]
        if len(ways) > 1:
            yield f"{layer[ways[1]].place}: {ways[1]}: only one of {' and '.join(ways)} may be given"
        user = layer.get(f"{group}.user")
        if user is not None and not any(way.startswith(f"{group}.password") for way in ways):
            yield f"{user.place}: {group}.user: a password is wanted too: {group}.password_file or {group}.password_env"
        if user is None and any(way.startswith(f"{group}.password") for way in ways):
            yield f"{layer[ways[0]].place}: {ways[0]}: {group}.user is wanted too"
    if "tls.key" in layer and "tls.certificate" not in layer:
        yield f"{layer['tls.key'].place}: tls.key: tls.certificate is wanted too"


def _credentials(group: str, values: Mapping[str, Any], layer: Layer, environment: Mapping[str, str]) -> Credentials:
    def secret(kind: str) -> Secret | None:
        key = f"{group}.{kind}"
        if key in values:
            return given(values[key])
        if f"{key}_file" in values:
            return from_file(Path(values[f"{key}_file"]), layer[f"{key}_file"].place)
        if f"{key}_env" in values:
            return from_variable(values[f"{key}_env"], environment, layer[f"{key}_env"].place)
        return None

    return Credentials(user=values.get(f"{group}.user", ""), password=secret("password"), token=secret("token"))
