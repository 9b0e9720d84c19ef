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
    "hudson.model.ExternalJob": "external-monitor-job",
    "hudson.plugins.pmd.": "pmd",
    "hudson.scm.SubversionSCM": "subversion",
    "hudson.security.AuthorizationMatrixProperty": "matrix-auth",
    "hudson.tasks.Mailer": "mailer",
    "hudson.tasks.junit.": "junit",
    "hudson.tasks.test.": "junit",
    "com.cloudbees.plugins.flow.": "build-flow-plugin",
    "ca.silvermaplesolutions.jenkins.plugins.daxis.": "dynamic-axis",
    "com.cloudbees.jenkins.plugins.awscredentials.": "aws-credentials",
    "com.coravy.hudson.plugins.github.": "github",
    "com.tikal.jenkins.plugins.multijob.": "jenkins-multijob-plugin",
    "jenkins.plugins.shiningpanda.": "shiningpanda",
    "org.jenkinsci.plugins.GroovyAxis": "groovyaxis",
    "org.jenkinsci.plugins.docker.commons.": "docker-commons",
    "org.jenkinsci.plugins.yamlaxis.": "yaml-axis",
    "org.jvnet.jenkins.plugins.nodelabelparameter.": "nodelabelparameter",
}
"""Where Jenkins would not know the element without the plugin, and jenkins-job-builder does not say so in the XML."""

_BY_ROOT = {"flow-definition": "workflow-job", "matrix-project": "matrix-project", "maven2-moduleset": "maven-plugin"}
"""Types of jobs that have a name of their own in XML."""


def plugins_in(root: Element) -> Iterator[tuple[str, str]]:
    """Each plugin and the element or class that needs it, the first one of each."""
    seen: set[str] = set()
    for plugin, needed_by in _needed(root):
        if plugin not in seen:
            seen.add(plugin)
            yield plugin, needed_by


def _needed(root: Element) -> Iterator[tuple[str, str]]:
    if root.tag in _BY_ROOT:
        yield _BY_ROOT[root.tag], root.tag
    for element in root.iter():
        yield from _of(element)


def _of(element: Element) -> Iterator[tuple[str, str]]:
    named = element.get("plugin", "").partition("@")[0]
    kind = element.get("class", "")
    if named:
        yield named, kind or element.tag
    for name in (element.tag, kind):
        for prefix, plugin in _BY_CLASS.items():
            if name.startswith(prefix):
                yield plugin, name
