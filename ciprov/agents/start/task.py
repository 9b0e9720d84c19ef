"""The Mesos task of one agent, in Mesos' v1 JSON."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace

from ciprov.agents.record import AgentRecord
from ciprov.agents.start import authorities
from ciprov.agents.start.start_script import (
    AGENT_JAR,
    SECRET_VARIABLE,
    SECRETS_FILE,
    TOKEN_VARIABLE,
    Addresses,
    start_command,
)
from ciprov.agents.start.task_container import container
from ciprov.agents.template import FetchUri, Template
from ciprov.domain.jenkins import AgentSecret
from ciprov.foundation.json import JsonObject
from ciprov.framework.decisions import Placement


@dataclass(frozen=True, slots=True)
class Site:
    """Where agents belong. `signal_url` is the service as its agents reach it; empty: none of them tells of its work.

    `service` is the service's name. With `jenkins_version` a Mesos agent that keeps agent.jar fetches it anew once
    Jenkins was upgraded. `authorities` are certificates (PEM) that agents trust besides those that their Java does.
    """

    jenkins_url: str
    signal_url: str
    service: str
    jenkins_version: str = ""
    authorities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskSecrets:
    """`node` proves the agent's name to Jenkins, `token` to the service. `env` are the template's secret variables.

    With a `ticket` they are fetched, once, from `secrets_url`, where the service gives `start_script.secrets_text`.
    Without one they are secret variables of the task: these do not reach Docker containers, and Mesos shows them on the
    command line of the executor.
    """

    node: AgentSecret
    token: str = field(repr=False)
    env: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    ticket: str = field(default="", repr=False)


def task_info(
    agent: AgentRecord,
    template: Template,
    placement: Placement,
    mesos_agent_id: str,
    site: Site,
    secrets: TaskSecrets,
) -> JsonObject:
    """What is launched: a TaskInfo."""
    info: JsonObject = {
        "name": agent.name,
        "task_id": {"value": agent.name},
        "agent_id": {"value": mesos_agent_id},
        "resources": [taken.as_json() for taken in placement.resources],
        "command": _command(agent, template, placement, site, secrets),
        "kill_policy": {"grace_period": {"nanoseconds": round(template.limits.grace_s * 1e9)}},
        "labels": _labels(agent, site),
    }
    contained = container(agent, template, placement.ports)
    return info if contained is None else {**info, "container": contained}


def secrets_url(agent: str, site: Site, ticket: str) -> str:
    """Valid once: who asks a second time gets nothing."""
    return f"{site.signal_url.rstrip('/')}/v1/agents/{agent}/secrets/{ticket}"


def _command(
    agent: AgentRecord, template: Template, placement: Placement, site: Site, secrets: TaskSecrets
) -> JsonObject:
    start = template.start
    variables = [*_plain(start.env), *_plain(_ports(placement.ports))]
    if not secrets.ticket:
        own = ((SECRET_VARIABLE, secrets.node.value), (TOKEN_VARIABLE, secrets.token))
        variables += [_secret(name, value) for name, value in (*own, *secrets.env)]
    command: JsonObject = {
        "shell": True,
        "value": start_command(agent.name, _trusting(template, site), Addresses(site.jenkins_url, site.signal_url)),
        "environment": {"variables": variables},
        "uris": [_uri(uri) for uri in _uris(agent, template, site, secrets)],
    }
    return {**command, "user": start.user} if start.user else command


def _trusting(template: Template, site: Site) -> Template:
    trusted = authorities.arguments(template, site.jenkins_url, site.authorities)
    return replace(template, start=replace(template.start, arguments=(*trusted, *template.start.arguments)))


def _uris(agent: AgentRecord, template: Template, site: Site, secrets: TaskSecrets) -> tuple[FetchUri, ...]:
    kept = template.start.cached_agent_jar
    version = f"?version={site.jenkins_version}" if kept and site.jenkins_version else ""
    jar = f"{site.jenkins_url.rstrip('/')}/jnlpJars/agent.jar{version}"
    fetched: tuple[FetchUri, ...] = (FetchUri(jar, cache=kept, extract=False, output_file=AGENT_JAR),)
    if secrets.ticket:
        once = FetchUri(secrets_url(agent.name, site, secrets.ticket), extract=False, output_file=SECRETS_FILE)
        fetched = (*fetched, once)
    return (*fetched, *template.start.uris)


def _uri(uri: FetchUri) -> JsonObject:
    given: JsonObject = {"value": uri.uri, "cache": uri.cache, "extract": uri.extract, "executable": uri.executable}
    return {**given, "output_file": uri.output_file} if uri.output_file else given


def _plain(variables: tuple[tuple[str, str], ...]) -> list[JsonObject]:
    return [{"name": name, "type": "VALUE", "value": value} for name, value in variables]


def _secret(name: str, value: str) -> JsonObject:
    data = base64.b64encode(value.encode()).decode("ascii")
    return {"name": name, "type": "SECRET", "secret": {"type": "VALUE", "value": {"data": data}}}


def _ports(ports: tuple[int, ...]) -> tuple[tuple[str, str], ...]:
    """As Marathon tells its tasks of their ports."""
    numbered = tuple((f"PORT{number}", str(port)) for number, port in enumerate(ports))
    return (*numbered, ("PORTS", ",".join(map(str, ports)))) if ports else ()


def _labels(agent: AgentRecord, site: Site) -> JsonObject:
    marks = {"CIPROV_SERVICE": site.service, "CIPROV_TEMPLATE": agent.template, "CIPROV_AGENT": agent.name}
    return {"labels": [{"key": key, "value": value} for key, value in marks.items()]}
