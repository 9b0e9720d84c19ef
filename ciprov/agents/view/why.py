"""Why there is or is not an agent for a label: all that the service knows of it, the answer in one sentence first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from ciprov.agents.queue.anchors import anchors
from ciprov.agents.queue.demand import Need, Policy, Seen, demand
from ciprov.agents.queue.labels import Expression, LabelError, canonical, holds, names, parse
from ciprov.agents.record import Phase
from ciprov.agents.template import Template
from ciprov.agents.view import why_items
from ciprov.agents.view.snapshot import Pause, Peer, Snapshot
from ciprov.agents.view.why_items import Waiting, counted
from ciprov.domain.jenkins import Node, QueueItem, Stage
from ciprov.foundation.clock import for_people, timestamp
from ciprov.foundation.json import JsonObject

DRAINED = "drained"


@dataclass(frozen=True, slots=True)
class Fit:
    """A template whose agents have the label. `chosen` is the one that they are made of. `unique_label`: an agent is
    made for one item alone, and bears this. `hindered`: why none are made now, empty where they are.
    """

    template: str
    labels: tuple[str, ...]
    chosen: bool
    unique_label: str = ""
    hindered: str = ""
    agents: int = 0


@dataclass(frozen=True, slots=True)
class FittingNode:
    """A node of Jenkins that has the label. `ours`: an agent of this service. `state` in one word or two."""

    node: str
    state: str
    ours: bool
    template: str = ""


@dataclass(frozen=True, slots=True)
class FittingAgent:
    """An agent of ours that has the label and its build still before it."""

    agent: str
    template: str
    phase: str
    since: str
    item: int = 0
    held: str = ""


@dataclass(frozen=True, slots=True)
class Why:
    """`answer` is one sentence. `column` is where the expression cannot be understood, from 1, else 0."""

    label: str
    answer: str
    way_out: str = ""
    expression: str = ""
    column: int = 0
    templates: tuple[Fit, ...] = ()
    nodes: tuple[FittingNode, ...] = ()
    items: tuple[Waiting, ...] = ()
    agents: tuple[FittingAgent, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def parses(self) -> bool:
        return self.column == 0

    def as_json(self) -> JsonObject:
        return {**asdict(self), "parses": self.parses}


def why(snapshot: Snapshot, text: str, now: datetime) -> Why:
    """`text` is a label expression as Jenkins understands it; an empty one asks for any agent."""
    try:
        expression = parse(text) if text.strip() else None
    except LabelError as error:
        return Why(text, f"'{text}' is no label expression: {error.message}.", error.way_out, column=error.column)
    fits = _fits(snapshot, expression, now)
    nodes = _nodes(snapshot, expression)
    items = why_items.waiting(snapshot, expression, now)
    at_hand = _agents(snapshot, expression)
    answer, way_out = next(_answers(snapshot, expression, fits, nodes, items, at_hand))
    return Why(
        text,
        answer,
        way_out,
        canonical(expression) if expression is not None else "",
        0,
        fits,
        nodes,
        items,
        at_hand,
        _notes(snapshot, now),
    )


def hindrance(snapshot: Snapshot, template: str, now: datetime) -> str:
    """Why no agents of a template are made now; empty where they are."""
    if template in snapshot.drained:
        return DRAINED
    pause = next((one for one in snapshot.pauses if one.template == template and one.until > now), None)
    return _paused(pause) if pause is not None else ""


def down(peer: Peer, what: str) -> str:
    """What is wrong with Jenkins or Mesos; empty where it is up."""
    if peer.up:
        return ""
    since = f" since {for_people(peer.since)}" if peer.since is not None else ""
    return f"{what} does not answer{since}{f': {_one_line(peer.message)}' if peer.message else ''}"


def _one_line(message: str) -> str:
    """Of an error with its way out."""
    return "; ".join(line.strip() for line in message.splitlines())


def _paused(pause: Pause) -> str:
    times = "once" if pause.failures == 1 else f"{pause.failures} times in a row"
    detail = f" ({pause.detail})" if pause.detail else ""
    what = "paused until" if pause.final else "not tried again before"
    return f"{what} {for_people(pause.until)}: it failed {times}: {pause.cause}{detail}"


def _has(expression: Expression | None, labels: Sequence[str] | frozenset[str], exclusive: bool) -> bool:
    return not exclusive if expression is None else holds(expression, labels)


def _fits(snapshot: Snapshot, expression: Expression | None, now: datetime) -> tuple[Fit, ...]:
    templates = snapshot.rules.templates
    hindered = {template.name: hindrance(snapshot, template.name, now) for template in templates}
    chosen = _chosen(expression, templates, _avoided(snapshot, now), now)
    agents = Counter(record.template for record in snapshot.agents.values())
    return tuple(
        Fit(
            template.name,
            template.labels,
            chosen is not None and chosen.template == template.name,
            need.unique_label,
            hindered[template.name],
            agents[template.name],
        )
        for template in templates
        if (need := _chosen(expression, [template], frozenset(), now)) is not None
    )


def _avoided(snapshot: Snapshot, now: datetime) -> frozenset[str]:
    """As `staffing.avoided`."""
    paused = {pause.template for pause in snapshot.pauses if pause.final and pause.until > now}
    counts = Counter(record.template for record in snapshot.agents.values())
    full = {each.name for each in snapshot.rules.templates if 0 < each.limits.most <= counts[each.name]}
    return snapshot.drained | paused | full


def _chosen(
    expression: Expression | None, templates: Sequence[Template], avoided: Collection[str], now: datetime
) -> Need | None:
    """What an item would get that asks for it in an otherwise empty Jenkins: `demand` alone knows the rules."""
    item = QueueItem(1, Stage.BUILDABLE, label=canonical(expression) if expression is not None else "")
    policy = Policy([template.for_demand for template in templates], avoided=avoided)
    found = demand(Seen([item], []), policy, now)
    return found.needs[0] if found.needs else None


def _nodes(snapshot: Snapshot, expression: Expression | None) -> tuple[FittingNode, ...]:
    """Without our anchors, which have all labels and take no builds."""
    passed_over = {anchor.name for anchor in anchors(snapshot.rules)}
    return tuple(
        _node(snapshot, node)
        for node in snapshot.nodes
        if expression is not None and node.name not in passed_over and holds(expression, node.labels | {node.name})
    )


def _node(snapshot: Snapshot, node: Node) -> FittingNode:
    record = snapshot.agents.get(node.name)
    marked = node.mark is not None and node.mark.service == snapshot.rules.service.name
    template = record.template if record is not None else node.mark.template if marked and node.mark else ""
    return FittingNode(node.name, _state(node), record is not None or marked, template)


def _state(node: Node) -> str:
    if node.fenced:
        return "set offline" if node.idle else "set offline, busy"
    if node.offline:
        return f"offline: {node.offline_reason}" if node.offline_reason else "offline"
    return "idle" if node.idle else "busy"


def _agents(snapshot: Snapshot, expression: Expression | None) -> tuple[FittingAgent, ...]:
    return tuple(
        FittingAgent(
            record.name,
            record.template,
            record.phase.value,
            timestamp(record.since),
            record.item_id,
            why_items.held_text(snapshot.held.get(record.name)),
        )
        for record in snapshot.agents.values()
        if not record.spent and _has(expression, frozenset({*record.labels, record.name}), record.exclusive)
    )


def _notes(snapshot: Snapshot, now: datetime) -> tuple[str, ...]:
    hidden = why_items.hidden(snapshot)
    age = (now - snapshot.at).total_seconds()
    cases = (
        (not snapshot.jenkins.up, f"{down(snapshot.jenkins, 'Jenkins')}; what is told of its queue is older"),
        (not snapshot.mesos.up, down(snapshot.mesos, "Mesos")),
        (age > 60, f"the service has not looked for {age:.0f} s"),
        (bool(hidden), f"{counted(len(hidden), 'item')} more may ask for it: {hidden[0].reason}" if hidden else ""),
    )
    return tuple(text for applies, text in cases if applies)


def _answers(
    snapshot: Snapshot,
    expression: Expression | None,
    fits: Sequence[Fit],
    nodes: Sequence[FittingNode],
    items: Sequence[Waiting],
    agents: Sequence[FittingAgent],
) -> Iterator[tuple[str, str]]:
    """What stands in the way, the worst first, then what is on its way; each with what to do about it."""
    label = f"'{canonical(expression)}'" if expression is not None else "builds without a label"
    fit = next((one for one in fits if one.chosen), None)
    if fit is None:
        yield _without_template(snapshot, expression, label, nodes)
        return
    waits = f"{counted(len(items), 'item')} {'waits' if len(items) == 1 else 'wait'} for {label}"
    if not snapshot.jenkins.up:
        yield f"Nothing is known of Jenkins's queue now: {down(snapshot.jenkins, 'Jenkins')}.", ""
    if fit.hindered:
        undo = "Let it be used again: ciprov agents undrain"
        if fit.hindered != DRAINED:
            undo = "Once that is mended: ciprov agents resume"
        told = waits if items else f"Nothing waits for {label} now, and nothing would get an agent"
        yield f"{told}: template {fit.template} is {fit.hindered}.", f"{undo} {fit.template}"
    if items and not snapshot.mesos.up:
        yield f"{waits}, and there is no place for agents: {down(snapshot.mesos, 'Mesos')}.", ""
    if stuck := [item for item in items if not item.comes]:
        one = f"item {stuck[0].item}"
        which = f"{one} gets" if len(stuck) == 1 else f"{len(stuck)} of them, the first is {one}, get"
        yield f"{waits}; {which} no agent now: {stuck[0].why}.", stuck[0].way_out
    if held := [item for item in items if item.held]:
        yield f"{waits}; agent {held[0].agent} of template {fit.template} has no place: {held[0].held}.", ""
    if items:
        yield f"{waits}, and each has an agent of template {fit.template} or gets one.", ""
    if snapshot.jenkins.up and snapshot.jenkins.message:
        remark, _, way_out = _one_line(snapshot.jenkins.message).partition("; ")
        yield f"{remark[:1].upper()}{remark[1:]}.", f"{way_out[:1].upper()}{way_out[1:]}."
    if idle := [agent for agent in agents if agent.phase == Phase.ONLINE]:
        yield f"Nothing waits for {label} now; agent {idle[0].agent} is idle and takes the next build that does.", ""
    yield f"Nothing waits for {label} now; an agent of template {fit.template} is made as soon as something does.", ""


def _without_template(
    snapshot: Snapshot, expression: Expression | None, label: str, nodes: Sequence[FittingNode]
) -> tuple[str, str]:
    if expression is None:
        text = "the agents of all templates are reserved for those that ask for a label"
        return f"Builds without a label get no agents: {text}.", "Set `exclusive: false` for one of them."
    others = [node.node for node in nodes if not node.ours]
    there = f"; these nodes of others have: {', '.join(others[:5])}" if others else ""
    missing = _missing(expression, snapshot.rules.templates)
    mark = "?" if "did you mean" in missing else "."
    way_out = f"Give a template that label, or correct the job{missing}{mark}"
    return f"No template's agents have what {label} asks for{there}.", way_out


def _missing(expression: Expression, templates: Sequence[Template]) -> str:
    from difflib import get_close_matches

    known = sorted({label for template in templates for label in template.labels})
    for name in sorted(names(expression) - set(known)):
        near = get_close_matches(name, known, n=1)
        if near:
            return f": there is no label {name}; did you mean {near[0]}"
    return f"; there are: {', '.join(known)}" if known else "; there are no templates"
