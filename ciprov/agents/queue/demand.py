"""From Jenkins's queue and nodes to the agents that are wanted now: at most one for each item, and none to spare. And
from the agents that there are to those that nothing wants any more.

Read the nodes before the queue: an item that was given to an agent in between is then gone from the queue, and at worst
another one waits for the next look. The other way round, one agent too many would be launched.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from urllib.parse import unquote

from ciprov.agents.queue.asked_labels import Agent, Asked, Certainty, Hidden, ItemKey, Labels, NotALabel, Resumes, key
from ciprov.agents.queue.blockage import Blockage, read
from ciprov.agents.queue.labels import Expression, canonical, holds, names
from ciprov.agents.queue.matching import Place, Wish, matched
from ciprov.domain.jenkins import Node, QueueItem, Stage

_FLYWEIGHTS = (
    "org.jenkinsci.plugins.workflow.job.WorkflowJob",
    "org.jenkinsci.plugins.workflow.multibranch.",
    "jenkins.branch.",
    "com.cloudbees.hudson.plugins.folder.computed.",
    "hudson.matrix.MatrixProject",
)
"""Tasks that run on the controller beside its executors: of a pipeline only its `node` steps want an agent."""

_EARLIEST = datetime.min.replace(tzinfo=UTC)


class Spare(StrEnum):
    """Why an item gets no agent now."""

    SERVED = "served"
    ASSIGNED = "assigned"
    QUIET = "quiet period"
    BLOCKED = "blocked"
    THROTTLED = "throttled"
    SHUTDOWN = "shutdown"
    FLYWEIGHT = "flyweight"
    NO_TEMPLATE = "no template"
    LABEL_HIDDEN = "label hidden"
    LABEL_WRONG = "label wrong"
    NOT_WAITING = "not waiting"


@dataclass(frozen=True, slots=True)
class TemplateLabels:
    """What agents of a template are labelled with. Where `unique_prefix` is given, an item may ask for a label that
    begins with it: an agent is made for this item alone. What asks for exactly one of `expressions`, in their canonical
    form, goes to this template first, where its agents fit.
    """

    name: str
    labels: frozenset[str]
    exclusive: bool = True
    unique_prefix: str = ""
    expressions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Policy:
    """The earlier template goes first where several fit; those `avoided`, by name, go last. Agents are launched
    `lead_s` seconds before the end of a quiet period. A node of somebody else's that stands idle for `patience_s`
    seconds beside an item that it fits is not going to take it.
    """

    templates: Sequence[TemplateLabels]
    lead_s: float = 5.0
    patience_s: float = 15.0
    avoided: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """`agents` are all of ours that are not gone yet. `labels` is what the last `Demand` gave."""

    items: Sequence[QueueItem]
    nodes: Sequence[Node]
    agents: Sequence[Agent] = ()
    labels: Mapping[ItemKey, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Need:
    """One agent of `template` for one item, which asks for `asked`. `labels` are those that the agent is to have: the
    template's, or where `unique_label` is set that one alone if it suffices, so that no other item takes the agent
    away. `early` ones are still in their quiet period. `job` is the full name of the item's job, folders included.
    """

    item_id: int
    template: str
    labels: frozenset[str]
    asked: str = ""
    unique_label: str = ""
    since: datetime | None = None
    early: bool = False
    job: str = ""


@dataclass(frozen=True, slots=True)
class NoNeed:
    item_id: int
    why: Spare
    reason: str


@dataclass(frozen=True, slots=True)
class Demand:
    """`needs` are in the order in which the items came. `labels` are to be given back with the next look.

    `unused` are names of agents of ours that could take a build and that no item takes, the best first: of those that
    fit the same items, the ones furthest on their way are kept busy. `resumed` are agents of ours for which an item
    waits that was there before Jenkins restarted.
    """

    needs: tuple[Need, ...] = ()
    spared: tuple[NoNeed, ...] = ()
    labels: Mapping[ItemKey, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    resumed: frozenset[str] = frozenset()

    @property
    def by_template(self) -> Mapping[str, int]:
        return Counter(need.template for need in self.needs)


@dataclass(frozen=True, slots=True)
class _Candidate:
    item: QueueItem
    asked: Asked
    early: bool
    own_only: bool


def demand(seen: Seen, policy: Policy, now: datetime) -> Demand:
    """`now` by Jenkins's clock, timezone-aware."""
    labels = Labels(seen.nodes, seen.agents, seen.labels)
    choice = _Choice(policy)
    known = {key(item): seen.labels[key(item)] for item in seen.items if key(item) in seen.labels}
    spared: list[NoNeed] = []
    candidates: list[_Candidate] = []
    running = _Running(seen.nodes)
    resumed: set[str] = set()
    for item in sorted(seen.items, key=lambda item: (item.since or _EARLIEST, item.id)):
        asked = labels.asked_by(item)
        if isinstance(asked, Asked) and _is_to_remember(asked, choice):
            known[key(item)] = asked.text
        if isinstance(asked, Resumes):
            resumed.add(asked.agent)
            spared.append(NoNeed(item.id, Spare.SERVED, f"it goes on on {asked.agent}, as before Jenkins restarted"))
            continue
        candidate = _candidate(item, asked, policy, now, running)
        if isinstance(candidate, NoNeed):
            spared.append(candidate)
        else:
            candidates.append(candidate)
    wishes = [Wish(each.asked.text, each.asked.expression, each.own_only) for each in candidates]
    needs: list[Need] = []
    own, places = _places(seen)
    result = matched(wishes, places)
    for each, at_hand in zip(candidates, result.served, strict=True):
        if at_hand:
            spared.append(NoNeed(each.item.id, Spare.SERVED, "an agent that fits is idle or on its way"))
            continue
        found = choice.of(each.asked)
        if found is None:
            spared.append(NoNeed(each.item.id, Spare.NO_TEMPLATE, _no_template(each.asked)))
        else:
            needs.append(_need(each, *found))
    unused = tuple(agent.name for index, agent in enumerate(own) if index in result.unused)
    in_order = tuple(sorted(spared, key=lambda each: each.item_id))
    return Demand(tuple(needs), in_order, known, unused, frozenset(resumed))


class _Running:
    """Jobs that have a build on some node, and those that an earlier item of the queue is about to start."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        builds = {build.url for node in nodes for build in node.builds}
        self._tasks = {url.rstrip("/").rpartition("/")[0] for url in builds}

    def taken(self, item: QueueItem) -> bool:
        """Whether another build of the same job goes first; from now on this one does."""
        task = item.task_url.rstrip("/")
        if item.concurrent or not task:
            return False
        before = task in self._tasks
        self._tasks.add(task)
        return before


def _candidate(
    item: QueueItem, asked: Asked | Hidden | NotALabel, policy: Policy, now: datetime, running: _Running
) -> _Candidate | NoNeed:
    """What wants an agent as far as the item itself tells, or why it wants none."""
    spared = _unwilling(item) or _unreadable(item, asked)
    if spared is not None:
        return spared
    assert isinstance(asked, Asked)
    if item.stage is Stage.BUILDABLE:
        running.taken(item)
        waited = now - (item.buildable_since or item.since or now)
        return _Candidate(item, asked, early=False, own_only=waited > timedelta(seconds=policy.patience_s))
    if item.starts_at is not None and item.starts_at - now > timedelta(seconds=policy.lead_s):
        return NoNeed(item.id, Spare.QUIET, item.why or "in its quiet period")
    if running.taken(item):
        return NoNeed(item.id, Spare.BLOCKED, "another build of this job goes first")
    return _Candidate(item, asked, early=True, own_only=False)


def _unwilling(item: QueueItem) -> NoNeed | None:
    told = read(item.why).blockage
    stage = item.stage
    cases = (
        (stage is Stage.PENDING, Spare.ASSIGNED, "it has its executor and is about to start"),
        (stage is Stage.BLOCKED, Spare.BLOCKED, item.why or "blocked"),
        (stage not in {Stage.WAITING, Stage.BUILDABLE}, Spare.NOT_WAITING, "it is not waiting any more"),
        (
            item.task_class.startswith(_FLYWEIGHTS),
            Spare.FLYWEIGHT,
            "it runs on the controller and asks for agents by itself",
        ),
        (told is Blockage.SHUTDOWN, Spare.SHUTDOWN, item.why),
        (told is Blockage.THROTTLED, Spare.THROTTLED, item.why),
    )
    return next((NoNeed(item.id, why, reason) for applies, why, reason in cases if applies), None)


def _unreadable(item: QueueItem, asked: Asked | Hidden | NotALabel) -> NoNeed | None:
    if isinstance(asked, Hidden):
        return NoNeed(item.id, Spare.LABEL_HIDDEN, asked.reason)
    if isinstance(asked, NotALabel):
        return NoNeed(item.id, Spare.LABEL_WRONG, asked.reason)
    return None


def _places(seen: Seen) -> tuple[list[Agent], list[Place]]:
    """Where Jenkins can put a build, now or soon: at our agents, the best first, and then at nodes of others."""
    nodes = {node.name: node for node in seen.nodes}
    ours = {agent.name for agent in seen.agents}
    reserved = frozenset().union(*(read(item.why).reserved for item in seen.items))
    own = [agent for agent in seen.agents if not agent.spent and _is_open(nodes.get(agent.name))]
    own.sort(key=lambda agent: (-agent.progress, agent.wanted_at or _EARLIEST))
    places = [Place(_labels(agent, nodes.get(agent.name)), agent.exclusive) for agent in own]
    for node in seen.nodes:
        if node.takes_builds and node.name not in ours:
            foreign = Place(node.labels | {node.name}, node.name in reserved, foreign=True)
            places.extend([foreign] * node.idle_executors)
    return own, places


def _labels(agent: Agent, node: Node | None) -> frozenset[str]:
    """What Jenkins goes by, once there is a node: a person may have changed its labels."""
    return agent.labels | {agent.name} if node is None else node.labels


def _is_open(node: Node | None) -> bool:
    """Whether an agent of ours has its build still before it, as far as its node tells."""
    if node is None:
        return True
    return not node.fenced and (node.offline or node.idle)


def _is_to_remember(asked: Asked, choice: _Choice) -> bool:
    if asked.expression is None:
        return False
    return asked.certainty is Certainty.CERTAIN or (
        asked.certainty is Certainty.LIKELY and choice.of(asked) is not None
    )


Chosen = tuple[TemplateLabels, str]


class _Choice:
    """What `template_for` says, asked once for each text."""

    def __init__(self, policy: Policy) -> None:
        self._templates = policy.templates
        self._better = [template for template in policy.templates if template.name not in policy.avoided]
        self._known: dict[str, Chosen | None] = {}

    def of(self, asked: Asked) -> Chosen | None:
        if asked.text not in self._known:
            better = template_for(asked.expression, self._better)
            self._known[asked.text] = better or template_for(asked.expression, self._templates)
        return self._known[asked.text]


def template_for(expression: Expression | None, templates: Sequence[TemplateLabels]) -> Chosen | None:
    """The template whose agents fit, and the label of its own that this agent needs."""
    text = canonical(expression) if expression is not None else ""
    first = [template for template in templates if text in template.expressions]
    return _fitting(expression, first) or _fitting(expression, templates)


def _fitting(expression: Expression | None, templates: Sequence[TemplateLabels]) -> Chosen | None:
    for template in templates:
        if not template.exclusive if expression is None else holds(expression, template.labels):
            return template, ""
    for template in templates:
        unique = _unique_label(expression, template)
        if unique:
            return template, unique
    return None


def _unique_label(expression: Expression | None, template: TemplateLabels) -> str:
    if expression is None or not template.unique_prefix:
        return ""
    own = [name for name in sorted(names(expression)) if name.startswith(template.unique_prefix)]
    return next((name for name in own if holds(expression, template.labels | {name})), "")


def _need(candidate: _Candidate, template: TemplateLabels, unique: str) -> Need:
    item, asked = candidate.item, candidate.asked
    labels = template.labels
    if unique and asked.expression is not None:
        alone = frozenset({unique})
        labels = alone if holds(asked.expression, alone) else labels | alone
    return Need(
        item.id, template.name, labels, asked.text, unique, item.since, candidate.early, job_name(item.task_url)
    )


def job_name(url: str) -> str:
    """The full name of a job, `folder/job`, from its URL or that of one of its builds; empty where it names none."""
    # Whatever stands for the host: Jenkins tells it as somebody wrote it into its settings.
    path = re.sub(r"^[a-z]+://[^/]*", "", url).partition("?")[0]
    return "/".join(unquote(name) for name in re.findall(r"(?:^|/)job/([^/]+)", path))


def _no_template(asked: Asked) -> str:
    if asked.expression is None:
        return "it asks for no label, and the agents of all templates are reserved for those that do"
    return f"no template's agents have what '{asked.text}' asks for"
