"""A node's config.xml as Jenkins 2.462.3 writes it, and what becomes of the node where another one is sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from fake_jenkins_state import FakeNode
from label_truth import escaped

_CONTROL = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f]")
_NAMED = re.compile("&#x[0-9a-f]+;")


def written(node: FakeNode) -> str:
    def text(value: str) -> str:
        return _CONTROL.sub(lambda match: f"&#x{ord(match[0]):x};", escape(value, {'"': "&quot;", "'": "&apos;"}))

    return f"""<?xml version="1.1" encoding="UTF-8"?>
<slave>
  <name>{text(node.name)}</name>
  <description>{text(node.description)}</description>
  <remoteFS>agent</remoteFS>
  <numExecutors>{node.executors}</numExecutors>
  <mode>{"EXCLUSIVE" if node.exclusive else "NORMAL"}</mode>
  <retentionStrategy class="hudson.slaves.RetentionStrategy$Always"/>
  <launcher class="hudson.slaves.JNLPLauncher">
    <workDirSettings>
      <disabled>false</disabled>
      <internalDir>remoting</internalDir>
      <failIfWorkDirIsMissing>false</failIfWorkDirIsMissing>
    </workDirSettings>
    <webSocket>true</webSocket>
  </launcher>
  <label>{text(" ".join(escaped(label) for label in node.labels))}</label>
  <nodeProperties/>
</slave>"""


def configure(node: FakeNode, sent: str, labels_of: Callable[[str], Collection[str]]) -> None:
    """`labels_of` a text."""
    bare = _NAMED.sub("?", re.sub(r"<\?xml.*?\?>", "", sent).strip())
    config = ElementTree.fromstring(bare)
    assert config.tag == "slave"
    node.labels = sorted(labels_of(config.findtext("label") or ""))
    node.exclusive = config.findtext("mode") == "EXCLUSIVE"
    if "?" not in (config.findtext("description") or "?"):
        node.description = config.findtext("description") or ""
