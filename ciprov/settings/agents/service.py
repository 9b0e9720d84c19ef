"""The keys of the service from the file and from variables, and what contradicts itself among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ciprov.settings import store_address
from ciprov.settings.agents.service_keys import SERVICE_KEYS
from ciprov.settings.agents.shapes import Findings
from ciprov.settings.cluster import Given, Layer
from ciprov.settings.document import Entry, unknown_keys
from ciprov.settings.secret import Secret, from_file, from_variable, given

GROUPS = ("jenkins", "jenkins.tls", "masters_auth", "framework")
TEMPLATES = ("defaults", "templates")
_SECRETS = ("jenkins.token", "api_token", "masters_auth.password")


@dataclass(frozen=True, slots=True)
class ServiceValues:
    """`values` are those that could be read, `layer` where each stands, also of those that could not."""

    values: Mapping[str, Any]
    layer: Layer
    secrets: Mapping[str, Secret] = field(default_factory=dict)

    def members(self, group: str, **names: str) -> dict[str, Any]:
        """Of the group, by other names where `names` has them: `members("", lead_s="lead")`."""
        prefix = f"{group}." if group else ""
        return {name: self.values[prefix + key] for name, key in names.items() if prefix + key in self.values}


def read(section: Entry, base: Path, environment: Mapping[str, str], findings: Findings) -> ServiceValues:
    """`base` is the directory that relative paths start from."""
    file = _without_credentials(dict(_flat(section, "", base, findings)))
    layer = _over(_without_credentials(_of_environment(environment)), file)
    values: dict[str, Any] = {}
    for key, item in layer.items():
        known, raw = SERVICE_KEYS[key], item.raw
        try:
            if known.is_path and isinstance(raw, str):
                raw = str(item.base / Path(raw).expanduser())
            values[key] = known.parse(raw)
        except ValueError as error:
            findings.add(f"{item.place}: agents.{key}: {error}")
    for finding in _contradictions(layer, section):
        findings.add(finding)
    return ServiceValues(values, layer, dict(_secrets(values, layer, environment)))


def _flat(entry: Entry, path: str, base: Path, findings: Findings) -> Iterator[tuple[str, Given]]:
    """Values by dotted keys."""
    inner = [key.removeprefix(path) for key in SERVICE_KEYS if key.startswith(path)]
    known = list(dict.fromkeys(key.partition(".")[0] for key in inner)) + ([] if path else list(TEMPLATES))
    for finding in unknown_keys(entry, known, f"agents.{path}"):
        findings.add(finding)
    for key, member in entry.value.items():
        name = f"{path}{key}"
        if member.value is None or key not in known or (not path and key in TEMPLATES):
            continue
        if name not in GROUPS:
            yield name, Given(member.plain, member.place, base)
        elif isinstance(member.value, dict):
            yield from _flat(member, f"{name}.", base, findings)
        else:
            inside = (each.removeprefix(f"{name}.") for each in SERVICE_KEYS if each.startswith(f"{name}."))
            findings.tell(member, f"a mapping is wanted, with {', '.join(inside)}")


def _of_environment(environment: Mapping[str, str]) -> Layer:
    """An empty variable counts as not set."""
    return {
        key: Given(environment[known.variable], f"variable {known.variable}", Path.cwd())
        for key, known in SERVICE_KEYS.items()
        if environment.get(known.variable, "").strip()
    }


def _without_credentials(layer: Layer) -> Layer:
    """Those of `zk://user:password@…` stand under `masters_auth` from here on."""
    item = layer.get("masters")
    if item is None or not isinstance(item.raw, str) or not item.raw.strip().startswith("zk://"):
        return layer
    try:
        found = store_address.parse(item.raw)
    except ValueError:
        return layer
    if not found.user:
        return layer
    scheme, _, rest = item.raw.partition("://")
    bare = f"{scheme}://{rest.rpartition('@')[2]}"
    credentials = {"masters_auth.user": found.user, "masters_auth.password": found.password, "masters": bare}
    return {**layer, **{key: replace(item, raw=value) for key, value in credentials.items()}}


def _over(upper: Layer, lower: Layer) -> Layer:
    """`upper` before `lower`. Credentials go with their address, and one way to give a secret replaces another."""
    hidden: set[str] = set()
    if "jenkins.url" in upper:
        hidden |= {key for key in lower if key == "jenkins.user" or key.startswith("jenkins.token")}
    if "masters" in upper:
        hidden |= {key for key in lower if key.startswith("masters_auth.")}
    for secret in _SECRETS:
        if any(key.startswith(secret) for key in upper):
            hidden |= {key for key in lower if key.startswith(secret)}
    return {key: value for key, value in lower.items() if key not in hidden} | dict(upper)


def _contradictions(layer: Layer, section: Entry) -> Iterator[str]:
    for secret in _SECRETS:
        ways = [key for key in layer if key.startswith(secret)]
        if len(ways) > 1:
            yield f"{layer[ways[1]].place}: agents.{ways[1]}: only one of {' and '.join(ways)} may be given"
    for user, secret in (("jenkins.user", "jenkins.token"), ("masters_auth.user", "masters_auth.password")):
        ways = [key for key in layer if key.startswith(secret)]
        if user in layer and not ways:
            yield f"{layer[user].place}: agents.{user}: {secret}_file, {secret}_env or {secret} is wanted too"
        if ways and user not in layer:
            yield f"{layer[ways[0]].place}: agents.{ways[0]}: {user} is wanted too"
    if "jenkins.tls.key" in layer and "jenkins.tls.certificate" not in layer:
        yield f"{layer['jenkins.tls.key'].place}: agents.jenkins.tls.key: jenkins.tls.certificate is wanted too"
    if "jenkins.url" not in layer:
        yield f"{section.place}: agents.jenkins.url: the URL of Jenkins is wanted"
    if "masters_auth.user" in layer and "masters" not in layer:
        place = layer["masters_auth.user"].place
        yield f"{place}: agents.masters_auth.user: it is for agents.masters, which is not given"


def _secrets(values: Mapping[str, Any], layer: Layer, environment: Mapping[str, str]) -> Iterator[tuple[str, Secret]]:
    for key in _SECRETS:
        if key in values:
            yield key, given(values[key])
        elif f"{key}_file" in values:
            yield key, from_file(Path(values[f"{key}_file"]), layer[f"{key}_file"].place)
        elif f"{key}_env" in values:
            yield key, from_variable(values[f"{key}_env"], environment, layer[f"{key}_env"].place)
