"""Nodes that crashed runs left in Jenkins: which of them are to be fenced, and which to be deleted. Pure.

A node with this service's own mark and without a record is a leftover. Nodes without a mark, and those of other
services, are never touched, whatever a record says.

leftover ──▶ seen twice ──▶ fenced ──▶ seen fenced and idle ──▶ deleted

The awkward cases: a node that is younger than the record that was looked up, or that is being deleted just now (it has
to be seen in two looks some time apart) · a build that slips in, or an agent that connects, between look and deletion
(nothing is deleted before it was seen fenced) · a build that waits for an agent that lost its connection (that may come
back, for a while) · a person who sets a leftover online again (it is fenced again).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ciprov.domain.jenkins import Node

APART = timedelta(seconds=2)
"""Between the first look that saw a leftover and one after which something is done to it."""

RECONNECT = timedelta(minutes=5)
"""A build on a leftover without a connection is given up after that: for so long Jenkins itself waits for a node."""

_BROKEN = "$ChannelTermination"
"""The end of the Java class that says so, also where the node is fenced besides."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """Of a leftover: since when it is seen, and since when seen busy and without a connection."""

    since: datetime
    stuck_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sweep:
    """Names of nodes. `delete` and `fence` are to be done, and are said again until their effect is seen.

    `waiting` have a build that may still end well, or were seen only once. `foreign` are records' nodes that bear
    another mark or none, with why they are left alone. `seen` is for the next sweep.
    """

    delete: tuple[str, ...] = ()
    fence: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    foreign: Mapping[str, str] = field(default_factory=dict)
    seen: Mapping[str, Sighting] = field(default_factory=dict)


def sweep(
    nodes: Iterable[Node],
    records: Collection[str],
    service: str,
    anchors: Collection[str],
    seen_before: Mapping[str, Sighting],
    looked_at: datetime,
) -> Sweep:
    """`nodes` are all that a look saw that began at `looked_at`. `records` are the names of all agents of `service`,
    `anchors` those of its present anchors, `seen_before` is the `seen` of the sweep before.
    """
    nodes = sorted(nodes, key=lambda node: node.name)
    kept = {*records, *anchors}
    seen = {
        node.name: _sighting(node, seen_before.get(node.name), looked_at)
        for node in nodes
        if _is_ours(node, service) and node.name not in kept
    }
    acts: dict[str, list[str]] = {"delete": [], "fence": [], "wait": []}
    for node in nodes:
        if node.name in seen:
            acts[_act(node, seen[node.name], looked_at)].append(node.name)
    foreign = {node.name: _whose(node) for node in nodes if node.name in records and not _is_ours(node, service)}
    return Sweep(tuple(acts["delete"]), tuple(acts["fence"]), tuple(acts["wait"]), foreign, seen)


def _act(node: Node, sighting: Sighting, looked_at: datetime) -> str:
    if looked_at - sighting.since < APART:
        return "wait"
    if node.idle:
        return "delete" if node.fenced else "fence"
    if sighting.stuck_since is not None:
        # Not fenced: it takes no builds while it is offline, and a fence would hide whether it comes back.
        return "delete" if looked_at - sighting.stuck_since >= RECONNECT else "wait"
    # What was given to it and has not begun would be lost.
    return "wait" if node.fenced or not node.builds else "fence"


def _sighting(node: Node, before: Sighting | None, looked_at: datetime) -> Sighting:
    stuck = looked_at if not node.idle and _is_disconnected(node) else None
    if before is None or before.since > looked_at:  # the clock was set back
        return Sighting(looked_at, stuck)
    if stuck is not None and before.stuck_since is not None:
        stuck = min(before.stuck_since, stuck)
    return Sighting(before.since, stuck)


def _is_disconnected(node: Node) -> bool:
    return node.offline and (not node.fenced or node.offline_class.endswith(_BROKEN))


def _is_ours(node: Node, service: str) -> bool:
    return not node.built_in and node.mark is not None and node.mark.service == service


def _whose(node: Node) -> str:
    if node.mark is None or node.built_in:
        return "it bears no mark of ciprov: somebody made it, or changed its description"
    return f"it is marked as one of the service {node.mark.service}"
