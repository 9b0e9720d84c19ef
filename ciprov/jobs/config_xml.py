"""A job's config.xml: read, marked, merged into what a folder holds, and written."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from ciprov.foundation.errors import CiprovError
from ciprov.jobs.mark import Mark, mark_in, marked

FOLDER = "com.cloudbees.hudson.plugins.folder.Folder"
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
_AS_SENT = re.compile(r'\s*<\?xml version="1\.0"')
"""How Jenkins begins what it passes on as it was sent. What it writes itself has other quotes, and version 1.1."""
_CONTROL = re.compile(r"&#(x0*([0-8bcefBCEF]|1[0-9a-fA-F])|0*([0-8]|11|12|1[4-9]|2[0-9]|3[01]));")
"""Characters that XML 1.1, in which Jenkins writes, can name and XML 1.0 cannot."""
_STAND_INS = 0x10F800
"""In place of the first of those; nobody uses these characters, and they go back as what they stand for."""
_STAND_IN = re.compile("[\U0010f800-\U0010f81f]")
_NAMED_IN_1_1 = re.compile("[\x7f-\x9f\u2028]")
"""What XML 1.1 refuses, or reads as the end of a line, unless it is named."""
_VIEWS = frozenset({"views", "viewsTabBar", "primaryView"})
"""Where folders had their views before `folderViews`: Jenkins reads them, and never writes them."""
KEPT_IN_FOLDERS = frozenset({"properties", "folderViews", "healthMetrics", "icon", "actions"}) | _VIEWS
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
        return shown(self.root.findtext(_MARKER) or "")

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
        if sets_its_own_properties(live.root):
            keep_what_it_set(root, live.root)
            actions = live.root.find("actions")
            if actions is not None:
                root[:] = [deepcopy(actions), *(child for child in root if child.tag != "actions")]
        return ConfigXml(root)

    def text(self) -> str:
        """As Jenkins is sent it: in XML 1.1, which it writes itself, it would refuse or change some characters, so only
        where a folder of its own holds what 1.0 cannot.
        """
        root = deepcopy(self.root)
        ElementTree.indent(root)
        version, text = "1.0", ElementTree.tostring(root, encoding="unicode")
        if _STAND_IN.search(text):
            named = _NAMED_IN_1_1.sub(lambda match: f"&#x{ord(match[0]):x};", text)
            version, text = "1.1", _STAND_IN.sub(lambda match: f"&#x{ord(match[0]) - _STAND_INS:x};", named)
        return f"<?xml version='{version}' encoding='UTF-8'?>\n{text}\n"


def read(text: str, place: str) -> ConfigXml:
    """Raises `CiprovError` where this is no XML of a job."""
    bare = _CONTROL.sub(_stand_in, _DECLARATION.sub("", text, count=1)).strip()
    if "<!DOCTYPE" in bare or "<!ENTITY" in bare:
        raise CiprovError("a config.xml with a document type is not read", place=place)
    try:
        return ConfigXml(ElementTree.fromstring(bare), _AS_SENT.match(text) is not None)
    except ElementTree.ParseError as error:
        raise CiprovError(f"this config.xml cannot be read: {error}", place=place) from error


def shown(text: str) -> str:
    """For people: what XML 1.0 cannot hold is not told apart."""
    return _STAND_IN.sub("\ufffd", text)


def _stand_in(match: re.Match[str]) -> str:
    number = int(match[1][1:], 16) if match[1][0] == "x" else int(match[1])
    return chr(_STAND_INS + number) if number else "\ufffd"


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
        elif wanted.tag not in KEPT_IN_FOLDERS:
            root[list(root).index(found)] = deepcopy(wanted)
    _keep_properties(root, wanted_root)
    return root


def _with_what_is_kept(wanted_root: Element, live_root: Element) -> Element:
    kept = KEPT_IN_FOLDERS - {"properties"}
    root = deepcopy(wanted_root)
    root[:] = [child for child in root if child.tag not in kept]
    root.extend(deepcopy([child for child in live_root if child.tag in kept]))
    _keep_properties(root, live_root)
    return root


def sets_its_own_properties(live: Element) -> bool:
    return any(action.tag.endswith(_TRACKER) for action in live.iterfind("actions/*"))


def keep_what_it_set(root: Element, live: Element) -> None:
    """Of a pipeline whose Jenkinsfile sets properties of its own job; a quiet period is one of its options."""
    _keep_properties(root, live)
    period = live.find("quietPeriod")
    if period is not None and root.find("quietPeriod") is None:
        root.append(deepcopy(period))


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
