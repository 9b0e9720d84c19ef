"""Whether a job on Jenkins is as its definition says.

Jenkins keeps what it is sent, and writes its own form of it whenever somebody saves the job: with versions of
plugins, in the order of Java's fields, with the defaults of all fields that were left out. So fields that only Jenkins
has are no difference once it wrote them, save the few of a job that it has only where somebody asked for them; steps,
triggers and properties that only it has are one, as somebody added them there.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from copy import deepcopy
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from ciprov.jobs.config_xml import (
    FOLDER,
    HOLDS_JOBS,
    KEPT_IN_FOLDERS,
    ConfigXml,
    keep_what_it_set,
    sets_its_own_properties,
    shown,
)
from ciprov.jobs.secret_texts import is_encrypted, is_unreadable

_ASKED_FOR = frozenset(
    (
        *("authToken", "childCustomWorkspace", "customWorkspace", "disabled", "displayName", "jdk", "logRotator"),
        *("quietPeriod", "scmCheckoutRetryCount"),
    )
)
"""Fields of a job that jenkins-job-builder writes where its definition has them: one that was taken out goes."""
_COLLECTION = re.compile(r"java\.util\.\S+|[a-z-]*(list|vector|set|map)")
"""Classes of lists and the like, as XStream calls them: `vector`, `empty-list`, `tree-map`."""
_FORMER_FIELDS = {"hudson.tasks.junit.JUnitResultArchiver": {"keepLongStdio"}}
"""Fields that jenkins-job-builder always writes, and plugins of today take and do not keep."""
_PERMISSIONS = "AuthorizationMatrixProperty"
"""What matrix-auth gives to whom, in an order of its own."""
_HOLD_COMPONENTS = frozenset({"properties", "triggers", "buildWrappers"})


def compared(desired: ConfigXml, live: ConfigXml) -> tuple[list[str], list[str]]:
    """The lines of both in a form in which equal lines mean that there is nothing to do: (live, desired)."""
    wanted, there = _plain(desired.root), _plain(live.root)
    left_out = KEPT_IN_FOLDERS if desired.kind.endswith(HOLDS_JOBS) else {"actions"}
    telling = frozenset() if desired.kind == FOLDER else _ASKED_FOR
    if desired.kind != FOLDER and sets_its_own_properties(live.root):
        keep_what_it_set(wanted, there)
    for root in (wanted, there):
        root[:] = [child for child in root if child.tag not in left_out]
    _align(wanted, there, telling, exact=live.as_sent and desired.kind != FOLDER)
    return _lines(there), _lines(wanted)


def lines(config: ConfigXml) -> list[str]:
    """For people, of a job that is not on Jenkins yet, or not to be there any more."""
    return _lines(_plain(config.root))


def _plain(root: Element) -> Element:
    """Without what says nothing: versions of plugins, blanks between elements, ends of lines as Windows has them."""
    copy = deepcopy(root)
    for element in copy.iter():
        element.attrib.pop("plugin", None)
        element.tail = None
        text = element.text or ""
        if len(element):
            element.text = None if not text.strip() else text
        elif "\n" not in text:
            element.text = text.strip() or None
        else:
            element.text = "\n".join(line.rstrip() for line in text.strip().split("\n"))
        if element.tag.endswith(_PERMISSIONS):
            element[:] = sorted(element, key=lambda child: (child.tag, child.text or ""))
    return copy


def _align(wanted: Element, there: Element, telling: Collection[str] = (), *, exact: bool = False) -> None:
    """Takes away what differs without meaning it, and brings the fields into one order. Those in `telling` mean
    something where only Jenkins has them; if `exact`, all do, at any depth.
    """
    _align_class(wanted, there)
    if wanted.text and there.text and is_unreadable(there.text) and not is_encrypted(wanted.text):
        there.text = wanted.text
    if _is_list(wanted) or _is_list(there):
        for one, other in zip(wanted, there, strict=False):
            if one.tag == other.tag:
                _align(one, other, exact=exact)
        return
    live = {child.tag: child for child in there}
    asked = {child.tag: child for child in wanted}
    for tag, child in live.items():
        means = _is_added(child, there) or (not _says_nothing(child) and (exact or tag in telling))
        if tag not in asked and not means:
            there.remove(child)
    former = _FORMER_FIELDS.get(wanted.tag, ())
    for tag, child in asked.items():
        if tag not in live and (tag in former or (_says_nothing(child) and not _is_added(child, wanted))):
            wanted.remove(child)
    for tag in asked.keys() & live.keys():
        _align(asked[tag], live[tag], exact=exact)
    wanted[:] = sorted(wanted, key=lambda child: child.tag)
    there[:] = sorted(there, key=lambda child: child.tag)


def _align_class(wanted: Element, there: Element) -> None:
    """Jenkins names a class where it is not that of the field, as a definition may, too, and lists are lists."""
    for element in (wanted, there):
        if _COLLECTION.fullmatch(element.get("class", "")):
            del element.attrib["class"]
    if "class" not in wanted.attrib:
        there.attrib.pop("class", None)


def _is_list(element: Element) -> bool:
    """Whether the order of what is in it counts: several of one kind, or steps one after the other."""
    tags = [child.tag for child in element]
    return len(set(tags)) < len(tags) or element.tag in {"builders", "prebuilders", "postbuilders", "publishers"}


def _is_added(element: Element, parent: Element) -> bool:
    """Whether it is something that people add, such as a trigger or a property, or holds such things. Else a field."""
    if "." in element.tag or parent.tag in _HOLD_COMPONENTS:
        return True
    return any(_is_added(child, element) for child in element)


def _says_nothing(element: Element) -> bool:
    """Whether it is what Jenkins takes for it where it is not there; Jenkins leaves out what it does not know."""
    kind = element.get("class", "hudson.scm.NullSCM")
    if not (kind == "hudson.scm.NullSCM" or _COLLECTION.fullmatch(kind)):
        return False
    if len(element):
        return all("." not in child.tag and _says_nothing(child) for child in element)
    return (element.text or "").strip() in {"", "false", "(System)"}


def _lines(root: Element) -> list[str]:
    ElementTree.indent(root)
    return shown(ElementTree.tostring(root, encoding="unicode")).split("\n")
