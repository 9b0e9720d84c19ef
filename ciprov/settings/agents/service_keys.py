"""The keys of the service itself: the variable of each, what may stand there, and what it means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ciprov.settings import store_address
from ciprov.settings.agents import values
from ciprov.settings.fields import (
    Key,
    existing_file,
    secret_text,
    text,
    text_list,
    variable_of_secret,
    whole_number,
    yes_or_no,
)
from ciprov.settings.fields import url as checked_url

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,38}[A-Za-z0-9])?")
_CAPABILITY = re.compile(r"[A-Z][A-Z_]*")
_SERVER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?)(:(\d{1,5}))?")


def service_name(raw: Any) -> str:
    name = text(raw)
    if not _NAME.fullmatch(name):
        raise ValueError("up to 40 letters, digits, and inner _ and - make a name")
    return name


def url(raw: Any) -> str:
    return checked_url(raw, "http://jenkins.example:8080", "by keys of their own")


def listen(raw: Any) -> tuple[str, int]:
    """`host:port`, `[::1]:port`, or a port alone, which is on loopback."""
    given = str(raw).strip()
    match = re.fullmatch(r"(?:(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):)?(\d{1,5})", given)
    if match is None or isinstance(raw, bool) or int(match[2]) > 65535:
        raise ValueError("host:port is wanted, such as 0.0.0.0:9443; port 0 is any that is free")
    return (match[1] or "127.0.0.1").strip("[]"), int(match[2])


def masters(raw: Any) -> str:
    """`zk://host:2181/mesos` without credentials, or masters with commas between. Messages hold no password."""
    parts = raw if isinstance(raw, list) else [raw]
    if not parts or not all(isinstance(part, str) and part.strip() for part in parts):
        raise ValueError("zk://host:2181/mesos is wanted, or the masters as host:5050 or URLs")
    given = ",".join(part.strip() for part in parts)
    if given.startswith("zk://"):
        found = store_address.parse(given)
        if not given.removeprefix("zk://").rpartition("@")[2].partition("/")[2].strip("/"):
            raise ValueError("the path of the masters' election is wanted too: zk://host:2181/mesos")
        return found.url
    return ",".join(_master(part.strip()) for part in given.split(","))


def _master(part: str) -> str:
    if "://" in part:
        return url(part)
    match = _SERVER.fullmatch(part)
    if match is None or (match[4] and not 0 < int(match[4]) < 65536):
        raise ValueError(f"'{part.rpartition('@')[2]}' is no master; write host:5050, a URL, or zk://host:2181/mesos")
    return part


def capabilities(raw: Any) -> tuple[str, ...]:
    found = text_list(raw)
    for name in found:
        if not _CAPABILITY.fullmatch(name):
            raise ValueError(f"'{name}' is no capability of a framework, such as GPU_RESOURCES")
    return found


def roles(raw: Any) -> tuple[str, ...]:
    return values.roles(list(text_list(raw)))


SERVICE_KEYS: Mapping[str, Key] = {
    "jenkins.url": Key("CIPROV_JENKINS_URL", url, "Jenkins, with its path prefix; required"),
    "jenkins.user": Key("CIPROV_JENKINS_USER", text, "the user that makes nodes"),
    "jenkins.token": Key("CIPROV_JENKINS_TOKEN", secret_text, "its API token", secret=True),
    "jenkins.token_file": Key("CIPROV_JENKINS_TOKEN_FILE", text, "file that holds the token", is_path=True),
    "jenkins.token_env": Key("CIPROV_JENKINS_TOKEN_ENV", variable_of_secret, "variable that holds the token"),
    "jenkins.tls.verify": Key("CIPROV_JENKINS_TLS_VERIFY", yes_or_no, "false trusts every certificate"),
    "jenkins.tls.ca": Key("CIPROV_JENKINS_TLS_CA", existing_file, "file of the authority", is_path=True),
    "jenkins.tls.certificate": Key(
        "CIPROV_JENKINS_TLS_CERTIFICATE", existing_file, "file of the client's certificate", is_path=True
    ),
    "jenkins.tls.key": Key("CIPROV_JENKINS_TLS_KEY", existing_file, "file of its key", is_path=True),
    "name": Key("CIPROV_AGENTS_NAME", service_name, "of the service: marks its nodes, and is the framework's"),
    "most": Key("CIPROV_AGENTS_MOST", whole_number, "agents of all templates at once; 0: no limit"),
    "lead": Key(
        "CIPROV_AGENTS_LEAD", values.duration(off=True), "so long before the end of a quiet period it launches"
    ),
    "patience": Key(
        "CIPROV_AGENTS_PATIENCE",
        values.duration(off=True),
        "so long it waits for an idle node of somebody else's to take what fits it",
    ),
    "anchors": Key(
        "CIPROV_AGENTS_ANCHORS",
        yes_or_no,
        "three nodes that stay offline make Jenkins tell what label a pipeline asks for",
    ),
    "listen": Key("CIPROV_AGENTS_LISTEN", listen, "host:port for agents' secrets and signals, and for requests"),
    "metrics": Key("CIPROV_AGENTS_METRICS", yes_or_no, "`listen` answers /metrics, to everybody who reaches it"),
    "address": Key("CIPROV_AGENTS_ADDRESS", url, "the URL under which agents reach it, where that is another"),
    "api_token": Key("CIPROV_AGENTS_API_TOKEN", secret_text, "asked of whoever requests agents", secret=True),
    "api_token_file": Key("CIPROV_AGENTS_API_TOKEN_FILE", text, "file that holds it", is_path=True),
    "api_token_env": Key("CIPROV_AGENTS_API_TOKEN_ENV", variable_of_secret, "variable that holds it"),
    "masters": Key(
        "CIPROV_AGENTS_MASTERS", masters, "Mesos masters: `zk://host:2181/mesos`, or host:5050, several with commas"
    ),
    "masters_auth.user": Key("CIPROV_AGENTS_MASTERS_USER", text, "user for their ZooKeeper (digest)"),
    "masters_auth.password": Key("CIPROV_AGENTS_MASTERS_PASSWORD", secret_text, "its password", secret=True),
    "masters_auth.password_file": Key("CIPROV_AGENTS_MASTERS_PASSWORD_FILE", text, "file that holds it", is_path=True),
    "masters_auth.password_env": Key(
        "CIPROV_AGENTS_MASTERS_PASSWORD_ENV", variable_of_secret, "variable that holds it"
    ),
    "framework.roles": Key("CIPROV_AGENTS_ROLES", roles, "Mesos roles in which offers come"),
    "framework.user": Key("CIPROV_AGENTS_USER", text, "user of the hosts that runs agents"),
    "framework.failover_timeout": Key(
        "CIPROV_AGENTS_FAILOVER_TIMEOUT", values.duration(), "so long Mesos keeps agents while the service is away"
    ),
    "framework.capabilities": Key(
        "CIPROV_AGENTS_CAPABILITIES",
        capabilities,
        "besides MULTI_ROLE and PARTITION_AWARE; GPU_RESOURCES comes by itself",
    ),
    "framework.hostname": Key("CIPROV_AGENTS_HOSTNAME", text, "shown by Mesos"),
    "framework.webui_url": Key("CIPROV_AGENTS_WEBUI_URL", url, "where Mesos's page links to"),
}

DEFAULTS: Mapping[str, str] = {
    "jenkins.tls.verify": "true",
    "name": "ciprov",
    "most": "0",
    "lead": "5s",
    "patience": "15s",
    "anchors": "true",
    "listen": "`this machine's address on the way to the masters, any free port`",
    "metrics": "false",
    "address": "`listen`",
    "masters": "the cluster's `mesos`",
    "framework.roles": "the cluster's `role`, else `*`",
    "framework.user": "root",
    "framework.failover_timeout": "7d",
}
"""In the words of the reference."""
