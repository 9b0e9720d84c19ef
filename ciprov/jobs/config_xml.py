"""A job's config.xml: read, marked, put into a form that can be compared, and merged into what a folder holds.

Jenkins keeps what it is sent, and writes its own form of it whenever somebody saves the job: with versions of
plugins, in the order of Java's fields, with the defaults of all fields that were left out. So fields that only Jenkins
has are no difference, save the few of a job that it has only where somebody asked for them; steps, triggers and
properties that only it has are one, as somebody added them there.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from copy import deepcopy
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from ciprov.foundation.errors import CiprovError
from ciprov.jobs.mark import Mark, mark_in, marked
from ciprov.jobs.secret_texts import is_encrypted, is_unreadable

FOLDER = "com.cloudbees.hudson.plugins.folder.Folder"
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
_AS_SENT = re.compile(r'\s*<\?xml version="1\.0"')
"""How Jenkins begins what it passes on as it was sent. What it writes itself has other quotes, and version 1.1."""
_CONTROL = re.compile(r"&#(x0*([0-8bcefBCEF]|1[0-9a-fA-F])|0*([0-8]|11|12|1[4-9]|2[0-9]|3[01]));")
"""Characters that XML 1.1, in which Jenkins writes, can name and XML 1.0 cannot."""
_VIEWS = frozenset({"views", "viewsTabBar", "primaryView"})
"""Where folders had their views before `folderViews`: Jenkins reads them, and never writes them."""
_KEPT_IN_FOLDERS = frozenset({"properties", "folderViews", "healthMetrics", "icon", "actions"}) | _VIEWS
"""What people set up in whatever holds jobs, credentials among it: never taken away, and no difference."""
_TRACKER = "JobPropertyTrackerAction"
"""Where Jenkins notes that a Jenkinsfile set properties of its own job, triggers among them."""
_MARKER = "description"
HOLDS_JOBS = (FOLDER, "MultiBranchProject", "OrganizationFolder")
_OF_BUILDS = frozenset(
    (
        *("keepDependencies", "blockBuildWhenDownstreamBuilding", "blockBuildWhenUpstreamBuilding"),
        *("concurrentBuild", "canRoam", "scm", "builders", "publishers", "buildWrappers"),
    )
)
"""What jenkins-job-builder writes into every kind of job, and what holds jobs does not know."""
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


@dataclass(frozen=True, slots=True)
class ConfigXml:
    """A config.xml that could be read. Not to be changed: `with_mark` and `merged_into` give new ones.

    `as_sent`: Jenkins did not write it, and keeps what somebody sent.
    """

    root: Element = field(repr=False, compare=False)
    as_sent: bool = False

    @property
    def kind(self) -> str:
        """The class of the job, as XML names it."""
        return self.root.tag

    @property
    def description(self) -> str:
        return self.root.findtext(_MARKER) or ""

    @property
    def mark(self) -> Mark | None:
        return mark_in(self.description)

    @property
    def credentials(self) -> list[str]:
        """The ids of those that are kept in what holds jobs."""
        kept = [each for each in self.root.iterfind("properties/*") if "Credentials" in each.tag]
        return [found.text or "" for each in kept for found in each.iter("id")]

    def with_mark(self, mark: Mark) -> ConfigXml:
        root = deepcopy(self.root)
        if root.tag.endswith(HOLDS_JOBS):
            root[:] = [child for child in root if child.tag not in _OF_BUILDS]
        _set_description(root, marked(self.description, mark))
        return ConfigXml(root)

    def merged_into(self, live: ConfigXml) -> ConfigXml:
        """What to send to Jenkins in place of `live`.

        Of a folder only what the definition speaks of; of a multibranch project not what people keep in it; of a
        pipeline not what its Jenkinsfile set itself.
        """
        if self.kind == FOLDER == live.kind:
            return ConfigXml(_folder(self.root, live.root))
        if self.kind.endswith(HOLDS_JOBS):
            return ConfigXml(_with_what_is_kept(self.root, live.root))
        root = deepcopy(self.root)
        if _sets_its_own_properties(live.root):
            _keep_properties(root, live.root)
            actions = live.root.find("actions")
            if actions is not None:
                root[:] = [deepcopy(actions), *(child for child in root if child.tag != "actions")]
        return ConfigXml(root)

    def text(self) -> str:
        """As Jenkins is sent it: in XML 1.1, which it writes itself, it would refuse or change some characters."""
        root = deepcopy(self.root)
        ElementTree.indent(root)
        return f"<?xml version='1.0' encoding='UTF-8'?>\n{ElementTree.tostring(root, encoding='unicode')}\n"


def read(text: str, place: str) -> ConfigXml:
    """Raises `CiprovError` where this is no XML of a job."""
    bare = _CONTROL.sub("\ufffd", _DECLARATION.sub("", text, count=1)).strip()
    if "<!DOCTYPE" in bare or "<!ENTITY" in bare:
        raise CiprovError("a config.xml with a document type is not read", place=place)
    try:
        return ConfigXml(ElementTree.fromstring(bare), _AS_SENT.match(text) is not None)
    except ElementTree.ParseError as error:
        raise CiprovError(f"this config.xml cannot be read: {error}", place=place) from error


def compared(desired: ConfigXml, live: ConfigXml) -> tuple[list[str], list[str]]:
    """The lines of both in a form in which equal lines mean that there is nothing to do: (live, desired)."""
    wanted, there = _plain(desired.root), _plain(live.root)
    left_out = _KEPT_IN_FOLDERS if desired.kind.endswith(HOLDS_JOBS) else {"actions"}
    telling = frozenset() if desired.kind == FOLDER else _ASKED_FOR
    if desired.kind != FOLDER and _sets_its_own_properties(live.root):
        _keep_properties(wanted, there)
        telling = telling - {"quietPeriod"}  # its `options` may have set that, too
    for root in (wanted, there):
        root[:] = [child for child in root if child.tag not in left_out]
    _align(wanted, there, telling, exact=live.as_sent and desired.kind != FOLDER)
    return _lines(there), _lines(wanted)


def lines(config: ConfigXml) -> list[str]:
    """For people, of a job that is not on Jenkins yet, or not to be there any more."""
    return _lines(_plain(config.root))


def _set_description(root: Element, text: str) -> None:
    found = root.find(_MARKER)
    if found is None:
        found = Element(_MARKER)
        root.insert(0, found)
    found.text = text


def _folder(wanted_root: Element, live_root: Element) -> Element:
    root = deepcopy(live_root)
    for wanted in wanted_root:
        found = root.find(wanted.tag)
        if found is None:
            root.append(deepcopy(wanted))
        elif wanted.tag not in _KEPT_IN_FOLDERS:
            root[list(root).index(found)] = deepcopy(wanted)
    _keep_properties(root, wanted_root)
    return root


def _with_what_is_kept(wanted_root: Element, live_root: Element) -> Element:
    kept = _KEPT_IN_FOLDERS - {"properties"}
    root = deepcopy(wanted_root)
    root[:] = [child for child in root if child.tag not in kept]
    root.extend(deepcopy([child for child in live_root if child.tag in kept]))
    _keep_properties(root, live_root)
    return root


def _sets_its_own_properties(live: Element) -> bool:
    return any(action.tag.endswith(_TRACKER) for action in live.iterfind("actions/*"))


def _keep_properties(root: Element, source: Element) -> None:
    """Adds to the properties in `root` those of `source` that it has none of."""
    further = source.find("properties")
    if further is None:
        return
    own = root.find("properties")
    if own is None:
        own = ElementTree.SubElement(root, "properties")
    there = {child.tag for child in own}
    own.extend(deepcopy([child for child in further if child.tag not in there]))


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
    return ElementTree.tostring(root, encoding="unicode").split("\n")
