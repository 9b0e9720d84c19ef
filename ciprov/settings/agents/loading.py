"""From a cluster's section `agents` to `AgentSettings`. All that is wrong is told at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ciprov.agents.template import Rules, ServiceRules
from ciprov.domain.mesos_scheduler import Framework
from ciprov.settings.agents.inheriting import resolved, sources
from ciprov.settings.agents.model import AgentSettings, JenkinsAccess, Listen
from ciprov.settings.agents.service import ServiceValues, read
from ciprov.settings.agents.shapes import Findings, members
from ciprov.settings.agents.template_keys import TEMPLATE_KEYS
from ciprov.settings.agents.templates import Built, Surroundings, build
from ciprov.settings.agents.together import notes, tell_of_address, tell_of_templates
from ciprov.settings.document import Entry, SettingsError
from ciprov.settings.model import Credentials, Tls

_GPUS = "GPU_RESOURCES"


@dataclass(frozen=True, slots=True)
class Place:
    """What the section is part of. `base` is the directory of the settings file, all else is the cluster's."""

    base: Path
    role: str = ""
    has_mesos: bool = False
    embedded: bool = False


def load(section: Entry, place: Place, environment: Mapping[str, str]) -> AgentSettings:
    """Raises `SettingsError`."""
    if not isinstance(section.value, dict):
        raise SettingsError([f"{section.place}: agents: a mapping is wanted, with jenkins and templates"])
    findings = Findings(section, "agents")
    service = read(section, place.base, environment, findings)
    rules = ServiceRules(
        **service.members("", name="name", most="most", lead_s="lead", patience_s="patience", anchors="anchors")
    )
    roles = service.values.get("framework.roles", (place.role or "*",))
    built, where = _templates(section, Surroundings(rules.name, roles), findings)
    tell_of_templates(rules, built, findings)
    tell_of_address(service, findings)
    if not (place.has_mesos or place.embedded or "masters" in service.layer):
        findings.tell(section, "the masters of Mesos are wanted: here, or as `mesos` of the cluster", "masters")
    if findings.told:
        raise SettingsError(findings.told)
    secrets = {
        each.template.name: {name: source.secret(environment, place.base) for name, source in each.secrets.items()}
        for each in built
    }
    return AgentSettings(
        jenkins=jenkins_access(service),
        rules=Rules(rules, tuple(each.template for each in built)),
        framework=_framework(service, rules.name, roles, any(each.template.wanted.gpus for each in built)),
        listen=Listen(*service.values.get("listen", ())),
        open_metrics=service.values.get("metrics", False),
        address=service.values.get("address", ""),
        api_token=service.secrets.get("api_token"),
        masters=service.values.get("masters", ""),
        masters_auth=Credentials(
            user=service.values.get("masters_auth.user", ""), password=service.secrets.get("masters_auth.password")
        ),
        env_secrets=secrets,
        sources={key: item.place for key, item in service.layer.items()} | where,
        notes=notes(service, place.embedded),
    )


def _templates(section: Entry, around: Surroundings, findings: Findings) -> tuple[list[Built], dict[str, str]]:
    """The templates that are as they should be, and where each value of all stands."""
    defaults = section.value.get("defaults") or Entry({}, section.place)
    if defaults.value is not None:
        members(defaults, TEMPLATE_KEYS, findings)
    templates = section.value.get("templates") or Entry(None, section.place)
    if not isinstance(templates.value, dict) or not templates.value:
        findings.tell(
            section, "a mapping from names to templates is wanted, such as maven: {cpus: 2, mem: 2048}", "templates"
        )
        return [], {}
    built: list[Built] = []
    where: dict[str, str] = {}
    for name, own in templates.value.items():
        if own.value is not None and not isinstance(own.value, dict):
            findings.tell(own, "a mapping is wanted, such as {cpus: 2, mem: 2048}")
            continue
        merged = resolved(own, defaults)
        where.update(sources(merged, own, f"templates.{name}"))
        template = build(name, merged, around, findings)
        if template is not None:
            built.append(template)
    return built, where


def jenkins_access(service: ServiceValues) -> JenkinsAccess:
    return JenkinsAccess(
        url=service.values["jenkins.url"],
        user=service.values.get("jenkins.user", ""),
        token=service.secrets.get("jenkins.token"),
        tls=Tls(**service.members("jenkins.tls", verify="verify", ca="ca", certificate="certificate", key="key")),
    )


def _framework(service: ServiceValues, name: str, roles: tuple[str, ...], gpus: bool) -> Framework:
    found: dict[str, Any] = service.members(
        "framework", user="user", hostname="hostname", webui_url="webui_url", failover_timeout_s="failover_timeout"
    )
    framework = Framework(name=name, roles=roles, **found)
    wanted = (*framework.capabilities, *service.values.get("framework.capabilities", ()), *([_GPUS] if gpus else []))
    return Framework(name=name, roles=roles, capabilities=tuple(dict.fromkeys(wanted)), **found)
