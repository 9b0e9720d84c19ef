"""What a controller knows: nodes, jobs, its queue, and which build goes onto which executor.

After the recorded answers of Jenkins 2.462. Jobs in folders have a configuration and no builds. Left out: several
builds of one item, and that an item is pending for a moment, unless `begins_after` seconds are given. The build of a
pipeline fails where a real one would wait for its agent to come back.

It restarts as a real one does in good order. One that is killed knows its queue as it was up to a minute ago, or none
at all, and then gives the same ids once more; a freestyle build that ran is not there at all after either.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

from fake_jenkins_jobs import JobConfigs
from label_truth import NoExpression, bare, shown, true_for

BUILT_IN_LABELS = {"built-in"}
Send = Callable[[dict[str, Any] | None], None]
"""To an agent: a build that it is to run, or None where it is to go."""


@dataclass
class Job:
    name: str
    pipeline: bool = False
    label: str | None = None
    script: str = "true"
    concurrent: bool = False
    quiet_s: float = 5.0
    next_number: int = 1


@dataclass
class Build:
    job: str
    number: int
    node: str = ""
    result: str | None = None
    item: int = 0
    begins: float = 0.0


@dataclass
class Item:
    """`part_of` is the number of the build of a pipeline that asked for a node."""

    id: int
    job: str
    since: float
    due: float
    params: str = ""
    part_of: int = 0
    buildable_since: float = 0.0
    blocked: bool = False
    cancelled: bool = False
    started: int = 0


@dataclass
class FakeNode:
    name: str
    labels: list[str]
    description: str = ""
    exclusive: bool = False
    executors: int = 1
    fenced: str | None = None
    fenced_before: str | None = None
    cause: str = ""
    reason: str = ""
    changed: float = 0.0
    running: list[Build] = field(default_factory=list)
    send: Send | None = None

    @property
    def online(self) -> bool:
        return self.send is not None and self.fenced is None

    @property
    def has_free(self) -> bool:
        return len(self.running) < self.executors

    @property
    def all_labels(self) -> set[str]:
        return {*self.labels, self.name}


class Controller:
    def __init__(self, now: Callable[[], float], key: str = "controller") -> None:
        self.now = now
        self.nodes: dict[str, FakeNode] = {}
        self.jobs: dict[str, Job] = {}
        self.configs = JobConfigs()
        self.items: list[Item] = []
        self.left: dict[int, Item] = {}
        self.builds: dict[tuple[str, int], Build] = {}
        self.quieting_down = False
        self.begins_after = 0.0
        self._ids = itertools.count(1)
        self._key = key.encode()

    def secret(self, name: str) -> str:
        return hmac.new(self._key, name.encode(), hashlib.sha256).hexdigest()

    # Items and builds

    def schedule(self, job: Job, delay: float | None = None, params: str = "") -> Item:
        """Another item, or the one that waits for the same already."""
        for item in self.items:
            if item.job == job.name and item.params == params and not item.part_of:
                return item
        item = self._queued(job.name, job.quiet_s if delay is None else delay, params)
        self.maintain()
        return item

    def _queued(self, job: str, delay: float, params: str = "", part_of: int = 0) -> Item:
        now = self.now()
        item = Item(next(self._ids), job, now, now + delay, params, part_of)
        self.items.append(item)
        return item

    def cancel(self, number: int) -> None:
        for item in [item for item in self.items if item.id == number]:
            item.cancelled = True
            self._leave(item)

    def maintain(self) -> None:
        """Moves items on as far as they go now."""
        for node in self.nodes.values():
            for build in [build for build in node.running if 0 < build.begins <= self.now()]:
                build.begins = 0.0
                self._begin(build, node)
        first: set[str] = set()
        for item in list(self.items):
            if self.now() < item.due:
                continue
            job = self.jobs[item.job]
            one_by_one = not item.part_of and not job.concurrent
            item.blocked = one_by_one and (self.is_building(item.job) or item.job in first)
            if one_by_one:
                first.add(item.job)
            if item.blocked:
                item.buildable_since = 0.0
                continue
            item.buildable_since = item.buildable_since or self.now()
            if self.quieting_down:
                continue
            if job.pipeline and not item.part_of:
                self._start(item, None)
                continue
            node = next((node for node in self.nodes.values() if self._takes(node, item)), None)
            if node is not None:
                self._start(item, node)

    def is_building(self, job: str) -> bool:
        return any(build.job == job and build.result is None for build in self.builds.values())

    def _takes(self, node: FakeNode, item: Item) -> bool:
        label = self.jobs[item.job].label
        if not node.online or len(node.running) >= node.executors:
            return False
        return fits(label, node.all_labels) if label else not node.exclusive

    def _start(self, item: Item, node: FakeNode | None) -> None:
        job = self.jobs[item.job]
        build = self.builds.get((job.name, item.part_of))
        if build is None:
            build = Build(job.name, job.next_number, item=item.id)
            job.next_number += 1
            self.builds[job.name, build.number] = build
        item.started = build.number
        self._leave(item)
        if node is None:
            self._queued(job.name, 0.0, part_of=build.number)
            self.maintain()
            return
        build.node = node.name
        node.running.append(build)
        if self.begins_after:
            build.begins = self.now() + self.begins_after
        else:
            self._begin(build, node)

    def _begin(self, build: Build, node: FakeNode) -> None:
        assert node.send is not None
        node.send({"job": build.job, "number": build.number, "script": self.jobs[build.job].script})

    def _leave(self, item: Item) -> None:
        self.items.remove(item)
        self.left[item.id] = item

    def end(self, job: str, number: int, result: str) -> None:
        build = self.builds.get((job, number))
        if build is not None and build.result is None:
            build.result = result
            for node in self.nodes.values():
                if build in node.running:
                    node.running.remove(build)
            for item in [item for item in self.items if item.job == job and item.part_of == number]:
                self._leave(item)
        self.maintain()

    # Nodes and their agents

    def fence(self, node: FakeNode, message: str) -> None:
        node.fenced, node.cause, node.reason = message, "hudson.slaves.OfflineCause$UserCause", message
        node.changed, node.fenced_before = self.now(), None
        for build in [build for build in node.running if build.begins]:
            self.end(build.job, build.number, "LOST")

    def unfence(self, node: FakeNode) -> None:
        node.fenced, node.fenced_before, node.cause, node.reason = None, None, "", ""
        self.maintain()

    def connect(self, node: FakeNode, send: Send) -> None:
        node.send = send
        if node.fenced_before is not None:
            self.fence(node, node.fenced_before)
        if node.fenced is None:
            node.cause = node.reason = ""
        self.maintain()

    def disconnected(self, node: FakeNode) -> None:
        node.send = None
        if node.fenced is None:
            node.cause, node.reason = "hudson.slaves.OfflineCause$ChannelTermination", "Connection was broken"
            node.changed = self.now()
        for build in list(node.running):
            self.end(build.job, build.number, "FAILURE")

    def delete(self, node: FakeNode) -> None:
        del self.nodes[node.name]
        if node.send is not None:
            node.send(None)
        for build in list(node.running):
            node.running.remove(build)
            self.end(build.job, build.number, "FAILURE")

    # Texts

    def why(self, item: Item) -> str:
        if self.now() < item.due:
            left = item.due - self.now()
            return f"In the quiet period. Expires in {left:.{0 if left >= 10 else 1}f} sec"
        if item.blocked and not self.is_building(item.job):
            return "A build is already in progress"
        if item.blocked:
            building = max(number for job, number in self.builds if job == item.job)
            return f"Build #{building} is already in progress (ETA: N/A)"
        if self.quieting_down:
            return "Jenkins is about to shut down"
        label = self.jobs[item.job].label
        return self._labelled_why(label) if self.nodes and label else self._unlabelled_why()

    def _labelled_why(self, label: str) -> str:
        names = self._with(label)
        text = shown(label)
        if self._is_offline(label):
            if len(names) == 1:
                return f"‘{names[0]}’ is offline"
            return (
                f"All nodes of label ‘{text}’ are offline" if names else f"There are no nodes with the label ‘{text}’"
            )
        return f"Waiting for next available executor on ‘{names[0] if len(names) == 1 else text}’"

    def _unlabelled_why(self) -> str:
        """Nodes that have nothing to do are told one by one where one of them is online."""
        free = [node for node in self.nodes.values() if node.has_free]
        if not any(node.online for node in free):
            return "Waiting for next available executor"
        reserved = {
            f"‘{node.name}’ is reserved for jobs with matching label expression" for node in free if node.exclusive
        }
        offline = {f"‘{node.name}’ is offline" for node in free if not node.exclusive and not node.online}
        return "; ".join(sorted(reserved | offline)) or "Waiting for next available executor"

    def is_stuck(self, item: Item) -> bool:
        label = self.jobs[item.job].label
        return bool(label) and self._is_offline(label or "")

    def _is_offline(self, label: str) -> bool:
        return not fits(label, BUILT_IN_LABELS) and not any(
            node.online for node in self.nodes.values() if fits(label, node.all_labels)
        )

    def _with(self, label: str) -> list[str]:
        """Names of nodes, of which the built-in one is online though it has no executors."""
        built_in = ["Built-In Node"] if fits(label, BUILT_IN_LABELS) else []
        return [*built_in, *(node.name for node in self.nodes.values() if fits(label, node.all_labels))]

    # What a restart keeps

    def kept(self) -> dict[str, Any]:
        """Running builds and agents' connections are lost by a restart. That a node was set offline is known again only
        once its agent connects.
        """
        nodes = [
            {name: value for name, value in vars(node).items() if name not in {"running", "send"}}
            for node in self.nodes.values()
        ]
        return {
            "nodes": nodes,
            "jobs": [asdict(job) for job in self.jobs.values()],
            "configs": self.configs.texts,
            "items": [asdict(item) for item in self.items if not item.part_of],
            "builds": [asdict(build) for build in self.builds.values()],
            "next": max([0, *self.left, *(item.id for item in self.items)]) + 1,
        }

    def restore(self, kept: dict[str, Any]) -> None:
        self.nodes = {node["name"]: FakeNode(**node) for node in kept["nodes"]}
        for node in self.nodes.values():
            before = node.fenced_before if node.fenced is None else node.fenced
            node.fenced, node.cause, node.reason, node.fenced_before = None, "", "", before
        self.jobs = {job["name"]: Job(**job) for job in kept["jobs"]}
        self.configs.texts = dict(kept["configs"])
        self.items = [Item(**item) for item in kept["items"]]
        self.builds = {(build["job"], build["number"]): Build(**build) for build in kept["builds"]}
        for build in self.builds.values():
            build.result = build.result or "FAILURE"
        self._ids = itertools.count(kept["next"])


def fits(label: str, labels: set[str]) -> bool:
    return _fits(label, frozenset(labels))


@lru_cache(maxsize=100_000)
def _fits(label: str, labels: frozenset[str]) -> bool:
    label = bare(label)
    try:
        return true_for(label, labels)
    except NoExpression:
        return label in labels
