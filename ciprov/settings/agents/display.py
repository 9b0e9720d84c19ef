"""The service's settings and its templates, as they may be shown to anybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ciprov.agents.template import Container, ContainerKind, FetchUri, Limits, Start, Template, Volume
from ciprov.environments.blueprint import durations
from ciprov.foundation.json import JsonObject
from ciprov.framework.requests import Constraint
from ciprov.settings.agents.model import AgentSettings
from ciprov.settings.agents.service_keys import DEFAULTS, SERVICE_KEYS
from ciprov.settings.display import Row
from ciprov.settings.secret import HIDDEN


def rows(settings: AgentSettings) -> list[Row]:
    """One row for each key that has a value. Of a secret in a file or variable, the file or variable is named."""
    values = _service(settings)
    found = []
    for key, known in SERVICE_KEYS.items():
        source = settings.sources.get(key, "default")
        if known.secret:
            if key in settings.sources:
                found.append(Row(f"agents.{key}", HIDDEN, source, known.variable, hidden=True))
        elif key == "listen" and key not in settings.sources:
            found.append(Row("agents.listen", f"({DEFAULTS[key].strip('`')})", "default"))
        elif values.get(key):
            found.append(Row(f"agents.{key}", values[key], source, known.variable))
    names = ", ".join(template.name for template in settings.rules.templates)
    return [*found, Row("agents.templates", names, "ciprov agents templates")]


def template_values(template: Template) -> JsonObject:
    """The template under the keys of the settings, those that stand at their default too; secrets hidden."""
    return {
        "labels": list(template.labels),
        "expressions": list(template.expressions),
        "exclusive": template.exclusive,
        "unique_prefix": template.unique_prefix,
        "cpus": template.wanted.cpus,
        "mem": template.wanted.mem,
        "disk": template.wanted.disk,
        "gpus": template.wanted.gpus,
        "ports": list(template.wanted.ports[len(template.container.network.port_mappings) :]),
        "constraints": [_constraint(each) for each in template.constraints],
        "roles": list(template.roles),
        "priority": template.priority,
        "weight": template.weight,
        "algorithm": template.algorithm.value,
        "expected": _time(template.expected_s) if template.expected_s is not None else None,
        "container": _container(template.container),
        **_start(template.start),
        **_limits(template.limits),
    }


def _service(settings: AgentSettings) -> Mapping[str, str]:
    rules, framework, jenkins = settings.rules.service, settings.framework, settings.jenkins
    found = {
        "jenkins.url": jenkins.url,
        "jenkins.user": jenkins.user,
        "jenkins.tls.verify": _flag(jenkins.tls.verify),
        "jenkins.tls.ca": jenkins.tls.ca,
        "jenkins.tls.certificate": jenkins.tls.certificate,
        "jenkins.tls.key": jenkins.tls.key,
        "name": rules.name,
        "most": str(rules.most),
        "lead": _time(rules.lead_s),
        "patience": _time(rules.patience_s),
        "anchors": _flag(rules.anchors),
        "listen": str(settings.listen),
        "metrics": _flag(settings.open_metrics),
        "address": settings.address,
        "masters": settings.masters,
        "masters_auth.user": settings.masters_auth.user,
        "framework.roles": ",".join(framework.roles),
        "framework.user": framework.user,
        "framework.failover_timeout": _time(framework.failover_timeout_s),
        "framework.capabilities": ",".join(framework.capabilities),
        "framework.hostname": framework.hostname,
        "framework.webui_url": framework.webui_url,
    }
    secrets = {
        "jenkins.token": jenkins.token,
        "api_token": settings.api_token,
        "masters_auth.password": settings.masters_auth.password,
    }
    for key, secret in secrets.items():
        for way in (f"{key}_file", f"{key}_env"):
            if secret is not None and way in settings.sources:
                found[way] = secret.origin.rpartition(" ")[2]
    return found


def _constraint(constraint: Constraint) -> list[str]:
    parts = [constraint.field, constraint.operator.value]
    return [*parts, constraint.value] if constraint.value else parts


def _container(container: Container) -> JsonObject | None:
    if container.kind is ContainerKind.NONE:
        return None
    network = container.network
    mapped = [
        {"container_port": each.container_port, "host_port": each.host_port, "protocol": each.protocol}
        for each in network.port_mappings
    ]
    return {
        "type": container.kind.value,
        "image": container.image or None,
        "network": {"mode": network.mode.value, "name": network.name or None, "ports": mapped or None},
        "volumes": [_volume(each) for each in container.volumes],
        "parameters": [{"key": key, "value": value} for key, value in container.parameters],
        "privileged": container.privileged,
        "force_pull": container.force_pull,
    }


def _volume(volume: Volume) -> JsonObject:
    return {
        "container_path": volume.container_path,
        "host_path": volume.host_path or None,
        "mode": volume.mode.value,
        "cache": volume.cache,
        "by_job": volume.by_job,
        "name": volume.name or None,
        "driver": volume.driver or None,
        "options": dict(volume.options) or None,
    }


def _start(start: Start) -> JsonObject:
    secrets = {name: f"{HIDDEN}, {secret.origin}" for name, secret in start.secret_env}
    return {
        "env": dict(start.env) | secrets,
        "uris": [_uri(each) for each in start.uris],
        "user": start.user or None,
        "java": start.java,
        "jvm_options": list(start.jvm_options),
        "arguments": list(start.arguments),
        "cached_agent_jar": start.cached_agent_jar,
        "protocol": "websocket" if start.web_socket else "tcp",
        "work_dir": start.work_dir or None,
        "jar_cache": start.jar_cache or "off",
        "class_data": start.class_data or None,
        "reconnect": _time(start.reconnect_s),
    }


def _uri(uri: FetchUri) -> JsonObject:
    return {
        "uri": uri.uri,
        "cache": uri.cache,
        "extract": uri.extract,
        "executable": uri.executable,
        "output_file": uri.output_file or None,
    }


def _limits(limits: Limits) -> JsonObject:
    return {
        "most": limits.most,
        "warm": [{"count": warm.count, "schedule": warm.schedule or None} for warm in limits.warm],
        "idle": _time(limits.idle_s),
        "online": _time(limits.online_s),
        "grace": _time(limits.grace_s),
        "unreachable": _time(limits.unreachable_s),
        "attempts": limits.attempts,
        "retry": _time(limits.retry_s),
        "pause": _time(limits.pause_s),
    }


def _time(seconds: float) -> str:
    return durations.shown(round(seconds))


def _flag(value: Any) -> str:
    return "true" if value else "false"
