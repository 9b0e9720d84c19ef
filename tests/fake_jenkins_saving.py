"""What Jenkins makes of a job's config.xml when it saves the job, as 2.462.3 was seen to do it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement

FOLDER = "com.cloudbees.hudson.plugins.folder.Folder"
MULTIBRANCH = "org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject"
_DEFAULT_STRATEGY = "hudson.matrix.DefaultMatrixExecutionStrategyImpl"


def in_own_form(root: Element, plugins: Mapping[str, str], *, forgot: bool = False) -> None:
    """With versions of plugins, fields that were left out, the state of a pipeline's last run; without what no plugin
    brings. `forgot`: a matrix project that was not changed since it was made of XML has another execution strategy.
    """
    _without_what_nobody_brings(root, plugins)
    for element in root.iter():
        _saved(element, plugins)
    if root.tag == "project":
        for tag in ("keepDependencies", "blockBuildWhenDownstreamBuilding"):
            if root.find(tag) is None:
                SubElement(root, tag).text = "false"
    if root.tag == "flow-definition":
        kind = "org.jenkinsci.plugins.pipeline.modeldefinition.actions.DeclarativeJobAction"
        actions = Element("actions")
        SubElement(actions, kind, plugin="pipeline-model-definition@2.2214.vb_b_34b_2ea_9b_83")
        root.insert(0, actions)
    if root.tag in {FOLDER, MULTIBRANCH}:
        _with_views_as_now(root)
    if root.tag == "matrix-project" and forgot:
        root[:] = [child for child in root if child.tag != "executionStrategy"]
        SubElement(
            SubElement(root, "executionStrategy", {"class": _DEFAULT_STRATEGY}), "runSequentially"
        ).text = "false"
    root[:] = sorted(root, key=lambda child: child.tag != "actions")


def _without_what_nobody_brings(root: Element, plugins: Mapping[str, str]) -> None:
    for element in root:
        _without_what_nobody_brings(element, plugins)
    root[:] = [child for child in root if child.get("plugin", "").partition("@")[0] in {"", *plugins}]


def _saved(element: Element, plugins: Mapping[str, str]) -> None:
    plugin = element.get("plugin")
    if plugin:
        name = plugin.partition("@")[0]
        element.set("plugin", f"{name}@{plugins.get(name, '1.0')}")
    if element.get("class") == "vector":
        del element.attrib["class"]
    if element.tag == "logRotator":
        element.set("class", "hudson.tasks.LogRotator")
    if element.tag == "hudson.model.PasswordParameterDefinition":
        for secret in element.iterfind("defaultValue"):
            secret.text = _encrypted(secret.text or "")
    if element.tag == "hudson.tasks.junit.JUnitResultArchiver":
        element[:] = [child for child in element if child.tag != "keepLongStdio"]
    if element.tag.endswith("AuthorizationMatrixProperty"):
        element[:] = sorted(element, key=lambda child: (child.tag != "inheritanceStrategy", child.text or ""))


def _encrypted(text: str) -> str:
    """In its form, not in its meaning."""
    return (
        text if text.startswith("{AQAA") else "{AQAA" + base64.b64encode(f"0123456789ab{text}".encode()).decode() + "}"
    )


def _with_views_as_now(root: Element) -> None:
    """`AbstractFolder` reads these fields of old, and writes one in place of them; forms add a property."""
    root[:] = [child for child in root if child.tag not in {"views", "viewsTabBar", "primaryView"}]
    if root.find("folderViews") is None:
        SubElement(root, "folderViews", {"class": "DefaultFolderViewHolder"})
    properties = root.find("properties")
    if properties is None:
        properties = SubElement(root, "properties")
    SubElement(properties, "org.jenkinsci.plugins.pipeline.modeldefinition.config.FolderConfig")
