"""What a running service does not take from changed settings: it has connected, or listens, already."""

from __future__ import annotations

from dataclasses import replace

from ciprov.settings.agents.model import AgentSettings
from ciprov.settings.model import Credentials


def wanting_restart(old: AgentSettings, new: AgentSettings) -> tuple[str, ...]:
    """The keys whose change holds from the next start only. Secrets are compared by where they stand."""
    pairs = {
        "jenkins.url": (old.jenkins.url, new.jenkins.url),
        "jenkins.user": (old.jenkins.user, new.jenkins.user),
        "jenkins.token": (_origin(old.jenkins.token), _origin(new.jenkins.token)),
        "jenkins.tls": (old.jenkins.tls, new.jenkins.tls),
        "name": (old.rules.service.name, new.rules.service.name),
        "listen": (old.listen, new.listen),
        "metrics": (old.open_metrics, new.open_metrics),
        "address": (old.address, new.address),
        "api_token": (_origin(old.api_token), _origin(new.api_token)),
        "masters": (old.masters, new.masters),
        "masters_auth": (_credentials(old.masters_auth), _credentials(new.masters_auth)),
        "framework": (replace(old.framework, name=""), replace(new.framework, name="")),
    }
    return tuple(key for key, (before, after) in pairs.items() if before != after)


def _credentials(given: Credentials) -> tuple[str, str]:
    return given.user, _origin(given.password)


def _origin(secret: object) -> str:
    return str(getattr(secret, "origin", ""))
