"""From Jenkins's JSON to our records, and what is asked for so that it holds no more than they need."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from html import unescape
from typing import Any

from ciprov.domain.jenkins import Build, NewNode, Node, NodeMark, QueueItem, Stage
from ciprov.foundation.json import JsonObject

QUEUE_TREE = (
    "items[id,inQueueSince,why,stuck,pending,buildableStartMilliseconds,timestamp,params,"
    "task[name,url,labelExpression,concurrentBuild]]"
)
NODE_TREE = (
    "displayName,description,assignedLabels[name],offline,temporarilyOffline,idle,numExecutors,jnlpAgent,"
    "offlineCause[timestamp],offlineCauseReason,executors[idle,currentExecutable[url,number]]"
)
NODES_TREE = f"computer[{NODE_TREE}]"
SERVER_TREE = "quietingDown,jobs[name]{0,1}"
LOAD_TREE = "queueLength[sec10[history{0,2}]]"
_LOAD_DECAY = 0.9

_STAGES = {
    "WaitingItem": Stage.WAITING,
    "BlockedItem": Stage.BLOCKED,
    "BuildableItem": Stage.BUILDABLE,
    "LeftItem": Stage.LEFT,
}
_BUILT_IN = frozenset({"hudson.model.Hudson$MasterComputer", "jenkins.model.Jenkins$MasterComputer"})
# Jenkins indents what it writes, and the node's own fields by two blanks; `<` in a text has another form.
_DESCRIPTION = re.compile("^  <description>([^<]*)</description>", re.MULTILINE)
_LABELS = re.compile("^  <label>[^<]*</label>", re.MULTILINE)
_MODE = re.compile("^  <mode>[^<]*</mode>", re.MULTILINE)
_MARK = re.compile(r"\[ciprov service=(?P<service>[\w.-]+)(?: template=(?P<template>[\w.-]+))?\]\s*$")


def queue_items(document: JsonObject) -> list[QueueItem]:
    return [_item(item) for item in _objects(document.get("items"))]


def items_waited(load: JsonObject) -> bool:
    """Whether an item waited for an executor when Jenkins counted them last, which it does every 10 s. It tells a mean,
    the newest first, in which each count weighs a tenth: what is left of those before says nothing.
    """
    history = _object(_object(load.get("queueLength")).get("sec10")).get("history")
    means = [each for each in history if isinstance(each, int | float)] if isinstance(history, list) else []
    if len(means) < 2:
        return False
    newest, before = means[:2]
    return (newest - _LOAD_DECAY * before) / (1 - _LOAD_DECAY) > 0.5


def nodes(document: JsonObject) -> list[Node]:
    return [found for computer in _objects(document.get("computer")) if (found := node(computer)) is not None]


def node(computer: JsonObject) -> Node | None:
    """None for what is left of a node that was deleted, until the build on it has ended: every node is one of its own
    labels.
    """
    offline = bool(computer.get("offline"))
    idle = bool(computer.get("idle", True))
    executors = _objects(computer.get("executors"))
    running = [_object(executor.get("currentExecutable")) for executor in executors]
    builds = tuple(Build(str(build["url"]), int(build.get("number") or 0)) for build in running if build.get("url"))
    description = str(computer.get("description") or "")
    name = str(computer.get("displayName") or "")
    built_in = _class(computer) in _BUILT_IN
    labels = {str(label["name"]) for label in _objects(computer.get("assignedLabels"))}
    if computer.get("assignedLabels") == [] and not built_in:
        return None
    free = sum(bool(executor.get("idle", idle)) for executor in executors)
    return Node(
        name=name,
        labels=frozenset(labels if built_in else {*labels, name}),
        description=description,
        offline=offline,
        fenced=bool(computer.get("temporarilyOffline")),
        idle=idle,
        executors=int(computer.get("numExecutors") or 0),
        idle_executors=0 if offline else free,
        builds=builds,
        offline_class=_class(computer.get("offlineCause")),
        offline_reason=str(computer.get("offlineCauseReason") or ""),
        inbound=bool(computer.get("jnlpAgent")),
        built_in=built_in,
        mark=mark_in(description),
    )


def mark_in(description: str) -> NodeMark | None:
    match = _MARK.search(description)
    return None if match is None else NodeMark(match["service"], match["template"] or "")


def config_mark(config: str) -> NodeMark | None:
    """Of a node's config.xml."""
    match = _DESCRIPTION.search(config)
    return None if match is None else mark_in(unescape(match[1]))


def without_labels(config: str) -> str:
    """The config.xml of a node that only its own name leads to."""
    return _MODE.sub("  <mode>EXCLUSIVE</mode>", _LABELS.sub("  <label></label>", config))


def marked(description: str, mark: NodeMark) -> str:
    """The description with the mark at its end, where people see it and leave it."""
    template = f" template={mark.template}" if mark.template else ""
    return f"{description} [ciprov service={mark.service}{template}]".strip()


def node_form(new: NewNode, mark: NodeMark) -> JsonObject:
    """What Jenkins's own form for a new node sends, as its field `json`."""
    kind = "hudson.slaves.JNLPLauncher"
    return {
        "name": new.name,
        "nodeDescription": marked(new.description, mark),
        "numExecutors": "1",
        "remoteFS": new.work_dir,
        # Jenkins takes the whole text for one label where a job asks for just that, as one does that lacks an `&&`. The
        # node has its own name as a label anyway, and nobody asks for all of them.
        "labelString": " ".join(_quoted(label) for label in (*new.labels, new.name)),
        "mode": "EXCLUSIVE" if new.exclusive else "NORMAL",
        "type": NODE_TYPE,
        "launcher": {
            "stapler-class": kind,
            "$class": kind,
            "webSocket": new.web_socket,
            "workDirSettings": {
                "disabled": False,
                "workDirPath": "",
                "internalDir": "remoting",
                "failIfWorkDirIsMissing": False,
            },
        },
        "retentionStrategy": {"stapler-class": "hudson.slaves.RetentionStrategy$Always"},
        "nodeProperties": {"stapler-class-bag": "true"},
    }


NODE_TYPE = "hudson.slaves.DumbSlave"


def _item(item: JsonObject) -> QueueItem:
    task = _object(item.get("task"))
    stage = _STAGES.get(_class(item).rpartition("$")[2], Stage.OTHER)
    if stage is Stage.BUILDABLE and item.get("pending"):
        stage = Stage.PENDING
    return QueueItem(
        id=int(item["id"]),
        stage=stage,
        why=str(item.get("why") or ""),
        # Present but null: a job without a label. Absent: something that has no such field, as the step of a pipeline.
        label=str(task["labelExpression"] or "") if "labelExpression" in task else None,
        task_class=_class(task),
        task_name=str(task.get("name") or ""),
        task_url=str(task.get("url") or ""),
        since=_moment(item.get("inQueueSince")),
        starts_at=_moment(item.get("timestamp")),
        buildable_since=_moment(item.get("buildableStartMilliseconds")),
        stuck=bool(item.get("stuck")),
        concurrent=bool(task.get("concurrentBuild")),
        params=str(item.get("params") or "").strip(),
    )


def _quoted(label: str) -> str:
    if not re.search(r'[\s"\'\\]', label):
        return label
    escaped = label.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _moment(milliseconds: Any) -> datetime | None:
    if not isinstance(milliseconds, int | float):
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):  # as far off as no date goes
        return None


def _class(value: Any) -> str:
    return str(_object(value).get("_class") or "")


def _object(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, Iterable) else []
