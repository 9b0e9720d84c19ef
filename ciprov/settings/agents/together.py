"""What templates, and the service's keys, contradict in each other; and what is probably not meant."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from urllib.parse import urlsplit

from ciprov.agents.template import ServiceRules
from ciprov.settings.agents.service import ServiceValues
from ciprov.settings.agents.shapes import Findings
from ciprov.settings.agents.templates import Built

_ANYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - asked about, not listened on


def tell_of_templates(rules: ServiceRules, built: Sequence[Built], findings: Findings) -> None:
    warm = sum(max((line.count for line in each.template.limits.warm), default=0) for each in built)
    if 0 < rules.most < warm:
        last = [each for each in built if each.template.limits.warm][-1]
        findings.tell(
            last.entry.where("warm"),
            f"all templates together keep {warm} idle agents, more than the {rules.most} of `most`",
        )
    for first, second in combinations(built, 2):
        _tell_of_two(first, second, findings)


def _tell_of_two(first: Built, second: Built, findings: Findings) -> None:
    mine, other = second.template, first.template
    for expression in mine.expressions:
        if expression in other.expressions:
            findings.tell(second.entry.where("expressions"), f"'{expression}' is one of template {other.name} already")
    if mine.unique_prefix.startswith(other.unique_prefix) or other.unique_prefix.startswith(mine.unique_prefix):
        findings.tell(
            second.entry.where("unique_prefix"),
            f"'{mine.unique_prefix}' and '{other.unique_prefix}' of template {other.name} cannot be told apart",
        )
    for built, prefix, owner in (
        (second, other.unique_prefix, other.name),
        (first, mine.unique_prefix, mine.name),
    ):
        label = next((each for each in built.template.labels if each.startswith(prefix)), "")
        if label:
            findings.tell(built.entry.where("labels"), f"'{label}' asks for an agent of template {owner} alone")


def tell_of_address(service: ServiceValues, findings: Findings) -> None:
    host, _ = service.values.get("listen", ("", 0))
    if host in _ANYWHERE and "address" not in service.layer:
        findings.add(
            f"{service.layer['listen'].place}: agents.listen: {host} is no address that agents can be told; give the "
            "URL under which they reach it as `address`"
        )


def notes(service: ServiceValues, embedded: bool) -> tuple[str, ...]:
    """A line for each thing that works otherwise than whoever wrote it may think."""
    found = []
    host, _ = service.values.get("listen", ("127.0.0.1", 0))
    if (
        not embedded
        and "listen" in service.values
        and "address" not in service.values
        and (host == "localhost" or host.startswith("127.") or host == "::1")
    ):
        found.append(
            f"agents of other hosts do not reach {host}: their secrets then go through Mesos, and builds are seen "
            "a poll later; leave listen out, or set address"
        )
    url = urlsplit(service.values["jenkins.url"])
    if not embedded and _is_near(url.hostname or ""):
        found.append(
            f"agents of other hosts do not reach Jenkins at {url.hostname}: they fetch agent.jar from jenkins.url, and "
            "connect to it; give the address that all hosts know"
        )
    if url.scheme == "http" and "jenkins.token" in service.secrets and not _is_near(url.hostname or ""):
        found.append(f"the token goes to {url.hostname} without TLS: take https:// where Jenkins has it")
    if service.values.get("jenkins.tls.verify") is False:
        found.append("jenkins.tls.verify is off: whoever is between may take the token")
    return tuple(found)


def _is_near(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")
