"""Git in a config.xml as its plugin keeps it: some keys become fields that it reads, and keeps as extensions."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement

_GIT = "hudson.plugins.git.GitSCM"
_EXTENSION = "hudson.plugins.git.extensions.impl."
_FORMER = ("disableSubmodules", "recursiveSubmodules", "reference", "gitConfigName", "gitConfigEmail", "remotePoll")


def keep_as_extensions(root: Element) -> None:
    """Changes `root`: what Jenkins would change by itself, once somebody saves the job, would be a difference then."""
    for scm in root.iter("scm"):
        if scm.get("class") == _GIT:
            _change(scm)


def _change(scm: Element) -> None:
    former = {field: _taken(scm, field) for field in _FORMER}
    submodules = {field: former[field] for field in ("disableSubmodules", "recursiveSubmodules")}
    if "true" in submodules.values():
        _add(scm, "SubmoduleOption", submodules | {"trackingSubmodules": "false"})
    if former["gitConfigName"] or former["gitConfigEmail"]:
        _add(scm, "UserIdentity", {"name": former["gitConfigName"], "email": former["gitConfigEmail"]})
    if former["reference"]:
        _add(scm, "CloneOption", {"shallow": "false", "reference": former["reference"]})


def _taken(scm: Element, field: str) -> str:
    found = scm.find(field)
    if found is None:
        return ""
    scm.remove(found)
    return found.text or ""


def _add(scm: Element, name: str, fields: dict[str, str]) -> None:
    """Where there is none, as the plugin does it."""
    extensions = scm.find("extensions")
    if extensions is None:
        extensions = SubElement(scm, "extensions")
    if extensions.find(_EXTENSION + name) is None:
        extension = SubElement(extensions, _EXTENSION + name)
        for field, text in fields.items():
            SubElement(extension, field).text = text
