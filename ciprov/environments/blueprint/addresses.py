"""Addresses that follow from group paths and VIP names: found in texts, and moved to the environment's own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ciprov.environments.blueprint.tree import resolve

_L4LB = r"marathon\.l4lb\.thisdcos\.directory"
_BY_PATH = r"marathon\.(?:(?:containerip|agentip|autoip)\.dcos\.thisdcos\.directory|(?:slave\.)?mesos)"
_ADDRESS = re.compile(
    rf"(?<![A-Za-z0-9_.-])(?P<name>[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*?)\."
    rf"(?P<suffix>{_L4LB}|{_BY_PATH}|service\.consul)(?![A-Za-z0-9_-])",
    re.IGNORECASE,
)
_VIP = re.compile(r"/?(?P<name>[A-Za-z0-9][A-Za-z0-9./_-]*):(?P<port>\d+)")
_DNS_LABEL = 63


@dataclass(frozen=True, slots=True)
class Rewrite:
    """An address that was moved to the environment's own."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Shared:
    """An address that all environments share, because nothing in the blueprint stands behind it."""

    address: str
    is_consul: bool = False


@dataclass(frozen=True, slots=True)
class AddressBook:
    """What the names in addresses become. Names that are the environment's own already map to themselves."""

    by_path: Mapping[str, str]
    by_vip: Mapping[str, str]

    def move(self, text: str) -> tuple[str, list[Rewrite | Shared]]:
        """`text` with the addresses of this blueprint's apps moved, and what was found."""
        found: list[Rewrite | Shared] = []

        def moved(match: re.Match[str]) -> str:
            name, suffix, whole = match["name"].lower(), match["suffix"].lower(), match.group()
            if suffix == "service.consul":
                found.append(Shared(whole, is_consul=True))
                return whole
            new = (self.by_vip if "l4lb" in suffix else self.by_path).get(name)
            if new is None:
                found.append(Shared(whole))
            elif new != name:
                found.append(Rewrite(whole, f"{new}.{match['suffix']}"))
                return f"{new}.{match['suffix']}"
            return whole

        if ".marathon." not in (lower := text.lower()) and ".service.consul" not in lower:
            return text, found
        return _ADDRESS.sub(moved, text), found


def own_vip(value: str, environment: str) -> str | None:
    """The VIP label with the environment's name before its own: `/db:5432` → `/feature-x-db:5432`.

    None where it is none by name (an IP address), so that it cannot be moved.
    """
    match = _VIP.fullmatch(value.strip())
    if match is None or re.fullmatch(r"[\d.]+", match["name"]):
        return None
    if _has_own_name(match["name"], environment):
        return value
    return f"/{environment}-{match['name']}:{match['port']}"


def _has_own_name(name: str, environment: str) -> bool:
    return re.search(rf"(^|[/.-]){re.escape(environment)}([/.-]|$)", name) is not None


def address_book(ids: Iterable[str], old_groups: Iterable[str], new_group: str, vips: Mapping[str, str]) -> AddressBook:
    """The book for apps with `ids` relative to the group, which was meant for one of `old_groups`.

    `vips` are the VIP labels before and after. In DNS, path elements stand in reverse order, joined by dashes (or
    dots, in older set-ups).
    """
    olds = tuple(dict.fromkeys(old_groups))
    by_path: dict[str, str] = {}
    for app_id in ids:
        target = _elements(resolve(app_id, new_group))
        for joint in "-.":
            new = joint.join(target)
            if any(len(label) > _DNS_LABEL for label in new.split(".")):
                continue
            by_path[new] = new
            for group in olds:
                by_path.setdefault(joint.join(_elements(resolve(app_id, group))), new)
    by_vip: dict[str, str] = {}
    for before, after in vips.items():
        by_vip[_vip_name(after)] = _vip_name(after)
        by_vip.setdefault(_vip_name(before), _vip_name(after))
    return AddressBook(by_path, by_vip)


def _elements(path: str) -> list[str]:
    return [element for element in reversed(path.split("/")) if element]


def _vip_name(vip: str) -> str:
    """The name under which a VIP is found in DNS: without slashes and port."""
    return vip.strip().rpartition(":")[0].replace("/", "").lower()
