"""The Jenkins that commands work with which need no more of the section `agents`: by its URL, or a cluster's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ciprov.settings.agents.loading import jenkins_access
from ciprov.settings.agents.model import JenkinsAccess
from ciprov.settings.agents.service import read
from ciprov.settings.agents.shapes import Findings
from ciprov.settings.document import Entry, SettingsError


def by_url(url: str, place: str, environment: Mapping[str, str]) -> JenkinsAccess:
    """With what CIPROV_JENKINS_USER, CIPROV_JENKINS_TOKEN_FILE and the like say. Raises `SettingsError`."""
    section = Entry({}, place)
    findings = Findings(section, "agents")
    only = {key: value for key, value in environment.items() if key.startswith("CIPROV_JENKINS_")}
    service = read(section, Path.cwd(), only | {"CIPROV_JENKINS_URL": url}, findings)
    if findings.told:
        raise SettingsError(findings.told)
    return jenkins_access(service)
