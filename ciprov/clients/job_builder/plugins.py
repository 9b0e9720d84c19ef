"""The plugins that a config.xml needs, as far as its elements tell."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

_BY_CLASS = {
    "hudson.plugins.git.": "git",
    "com.cloudbees.hudson.plugins.folder.": "cloudbees-folder",
    "org.jenkinsci.plugins.workflow.cps.": "workflow-cps",
    "org.jenkinsci.plugins.workflow.job.": "workflow-job",
    "org.jenkinsci.plugins.workflow.multibranch.": "workflow-multibranch",
    "jenkins.branch.": "branch-api",
    "jenkins.plugins.git.": "git",
    "hudson.matrix.": "matrix-project",
    "hudson.maven.": "maven-plugin",
}
"""Where Jenkins would not know the element without the plugin, and jenkins-job-builder does not say so in the XML."""


def plugins_in(root: Element) -> Iterator[tuple[str, str]]:
    """Each plugin and the element or class that needs it, the first one of each."""
    seen: set[str] = set()
    for element in root.iter():
        for plugin, needed_by in _of(element):
            if plugin not in seen:
                seen.add(plugin)
                yield plugin, needed_by


def _of(element: Element) -> Iterator[tuple[str, str]]:
    named = element.get("plugin", "").partition("@")[0]
    kind = element.get("class", "")
    if named:
        yield named, kind or element.tag
    for name in (element.tag, kind):
        for prefix, plugin in _BY_CLASS.items():
            if name.startswith(prefix):
                yield plugin, name
