"""The fake Jenkins's jobs as configurations: config.xml, folders, deletion, and its plugins.

As Jenkins 2.462.3 was seen to do it: a configuration is kept as it was sent, until somebody saves the job, for which
`saved_by_hand` stands; another class in place of a job's own, or one that no plugin brings, is a 500, as is a name that
makes no directory; a name that is taken is a 400 with `X-Error`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from fake_jenkins_saving import FOLDER, MULTIBRANCH, in_own_form

_KINDS = {
    "project": ("hudson.model.FreeStyleProject", ""),
    "flow-definition": ("org.jenkinsci.plugins.workflow.job.WorkflowJob", "workflow-job"),
    FOLDER: (FOLDER, "cloudbees-folder"),
    MULTIBRANCH: (MULTIBRANCH, "workflow-multibranch"),
    "matrix-project": ("hudson.matrix.MatrixProject", "matrix-project"),
}
PLUGINS = {
    "ansicolor": "1.0.4",
    "branch-api": "2.1178.v969d9eb_c728e",
    "build-timeout": "1.33",
    "cloudbees-folder": "6.951.v5f91d88d76b_b_",
    "git": "5.4.1",
    "matrix-project": "832.va_66e270d2946",
    "timestamper": "1.27",
    "workflow-cps": "3969.vdc9d3a_efcc6a_",
    "workflow-job": "1436.vfa_244484591f",
    "workflow-multibranch": "795.ve0cb_1f45ca_9a_",
}


class Refused(Exception):
    """A status, and the text of `X-Error`."""

    def __init__(self, status: int, text: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass
class JobConfigs:
    """`texts` are configurations by full names, `fresh` the names of those that were not changed since."""

    texts: dict[str, str] = field(default_factory=dict)
    plugins: dict[str, str] = field(default_factory=lambda: dict(PLUGINS))
    fresh: set[str] = field(default_factory=set)

    def create(self, folder: str, name: str, text: str) -> str:
        """The full name."""
        if folder and (folder not in self.texts or self._root(self.texts[folder]).tag != FOLDER):
            raise Refused(404)
        check_name(name)
        full = f"{folder}/{name}" if folder else name
        if any(full.lower() == each.lower() for each in self.texts):
            raise Refused(400, f"A job already exists with the name ‘{name}’")
        if not unicodedata.is_normalized("NFC", name) or len(name.encode()) > 255:
            raise Refused(500)
        self._class(text)
        self.texts[full] = _as_sent(text)
        self.fresh.add(full)
        return full

    def update(self, name: str, text: str) -> None:
        if self._class(text) != self._class(self.texts[name]):
            raise Refused(500)
        self.texts[name] = _as_sent(text)
        self.fresh.discard(name)

    def delete(self, name: str) -> list[str]:
        """All that is gone with it."""
        if name not in self.texts:
            raise Refused(404)
        gone = [each for each in self.texts if each == name or each.startswith(f"{name}/")]
        for each in gone:
            del self.texts[each]
        return gone

    def saved_by_hand(self, name: str, text: str | None = None) -> None:
        root = self._root(text or self.texts[name])
        in_own_form(root, self.plugins, forgot=name in self.fresh)
        self.texts[name] = f"<?xml version='1.1' encoding='UTF-8'?>\n{ElementTree.tostring(root, encoding='unicode')}"

    def listed(self, folder: str = "") -> list[dict[str, Any]]:
        """As `jobs` of the root or of a folder."""
        return [self.shown(name) for name in self._inside(folder)]

    def shown(self, name: str) -> dict[str, Any]:
        root = self._root(self.texts[name])
        answer: dict[str, Any] = {
            "_class": self._class(self.texts[name]),
            "name": name.rpartition("/")[2],
            "fullName": name,
            "description": root.findtext("description") or None,
        }
        return answer | {"jobs": self.listed(name)} if root.tag in {FOLDER, MULTIBRANCH} else answer

    def plugin_list(self) -> dict[str, Any]:
        plugins = [
            {"shortName": name, "longName": name.title(), "version": version, "enabled": True, "active": True}
            for name, version in self.plugins.items()
        ]
        return {"_class": "hudson.LocalPluginManager", "plugins": plugins}

    def _inside(self, folder: str) -> Iterator[str]:
        prefix = f"{folder}/" if folder else ""
        for name in sorted(self.texts):
            if name.startswith(prefix) and name != folder and "/" not in name.removeprefix(prefix):
                yield name

    def _class(self, text: str) -> str:
        kind, plugin = _KINDS.get(self._root(text).tag, ("", "?"))
        if plugin and plugin not in self.plugins:
            raise Refused(500)
        return kind

    def _root(self, text: str) -> ElementTree.Element:
        try:
            return ElementTree.fromstring(re.sub(r"<\?xml.*?\?>", "", text).strip())
        except ElementTree.ParseError as error:
            raise Refused(500) from error


def _as_sent(text: str) -> str:
    """A transformation that changes nothing but how the document begins."""
    return '<?xml version="1.0" encoding="UTF-8"?>' + re.sub(r"<\?xml.*?\?>", "", text).strip()


def check_name(name: str) -> None:
    """Of a job or a node."""
    if not name.strip():
        raise Refused(400, "No name is specified")
    if name.strip(".") == "" and len(name) < 3:
        raise Refused(400, f"‘{name}’ is not an allowed name")
    if re.search(r"[\x00-\x1f]", name):
        raise Refused(400, f"No control code is allowed: {name!r}")
    if unsafe := re.search(r"[?*/\\%!@#$^&|<>\[\]:;]", name):
        raise Refused(400, f"‘{unsafe[0]}’ is an unsafe character")
    if name.endswith("."):
        raise Refused(400, "A name cannot end with ‘.’")


def full_name(path: str) -> str:
    """`a/job/b` of an address as `a/b`."""
    return "/".join(path.split("/job/"))
