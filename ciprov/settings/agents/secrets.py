"""Secrets in the environment of agents: where they stand, and how they are read, all at once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ciprov.agents.template import Rules, SecretText, Template
from ciprov.foundation.errors import CiprovError
from ciprov.settings.agents.model import AgentSettings
from ciprov.settings.document import SettingsError
from ciprov.settings.secret import Secret, from_file, from_variable


@dataclass(frozen=True, slots=True)
class SecretSource:
    """A variable of this process, or a file; `place` is where the settings say so."""

    place: str
    from_env: str = ""
    from_file: str = ""

    @property
    def origin(self) -> str:
        return f"from variable {self.from_env}" if self.from_env else f"from file {self.from_file}"

    def secret(self, environment: Mapping[str, str], base: Path) -> Secret:
        if self.from_env:
            return from_variable(self.from_env, environment, self.place)
        return from_file(base / Path(self.from_file).expanduser(), self.place)


def revealed(settings: AgentSettings) -> Rules:
    """The rules with the values of all secrets, as the service wants them.

    Raises `SettingsError` that names all that cannot be read.
    """
    findings: list[str] = []
    key = _key(settings, findings)
    templates = tuple(
        _with_values(template, settings.env_secrets.get(template.name, {}), key, findings)
        for template in settings.rules.templates
    )
    if findings:
        raise SettingsError(list(dict.fromkeys(findings)))
    return replace(settings.rules, templates=templates)


def check(settings: AgentSettings) -> None:
    """Reads all secrets, the service's own too. Raises `SettingsError` that names all that cannot be read."""
    findings: list[str] = []
    for secret in (settings.api_token, settings.masters_auth.password):
        if secret is not None:
            _read(secret, findings)
    try:
        revealed(settings)
    except SettingsError as error:
        findings += error.findings
    if findings:
        raise SettingsError(findings)


def _with_values(template: Template, secrets: Mapping[str, Secret], key: bytes, findings: list[str]) -> Template:
    found: list[tuple[str, SecretText]] = []
    for name, text in template.start.secret_env:
        value = _read(secrets[name], findings)
        found.append((name, replace(text, value=value, fingerprint=_fingerprint(value, key))))
    return replace(template, start=replace(template.start, secret_env=tuple(found)))


def _read(secret: Secret, findings: list[str]) -> str:
    try:
        return secret.reveal()
    except CiprovError as error:
        findings.append(str(error).replace("\n  ", "; "))
        return ""


def _key(settings: AgentSettings, findings: list[str]) -> bytes:
    """Fingerprints are kept; who reads them cannot try values without the token."""
    token = _read(settings.jenkins.token, findings) if settings.jenkins.token else ""
    return hashlib.sha256(f"ciprov {token}".encode()).digest()


def _fingerprint(value: str, key: bytes) -> str:
    # Slow on purpose: a Jenkins without a token gives no key.
    return hashlib.scrypt(value.encode(), salt=key, n=2**12, r=8, p=1, dklen=16).hex()
