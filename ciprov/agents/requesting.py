"""Whether one agent may be made for whoever asks for its label, and for nobody else."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ciprov.agents.queue.labels import Atom, LabelError, parse
from ciprov.agents.record import AgentRecord, Phase
from ciprov.agents.template import Rules, Template
from ciprov.agents.view.snapshot import Pause
from ciprov.foundation.errors import CiprovError, UsageError


def check_label(label: str, template: Template, rules: Rules) -> None:
    """Raises `UsageError` where builds of others would ask for it, or Jenkins would take it for something else."""
    if not _is_single(label):
        raise UsageError(
            f"'{label}' is no single label: none of blanks, quotes, commas and & | ! < > ( ) belong in it",
            way_out="give another one, or none for a new one",
        )
    own = template.unique_prefix or f"{rules.service.name}.{template.name}."
    for other in rules.templates:
        if label in other.labels:
            raise UsageError(
                f"'{label}' is a label of template {other.name}: others' builds ask for it too",
                way_out=f"give one that begins with {own}, or none for a new one",
            )
        if other.name != template.name and other.unique_prefix and label.startswith(other.unique_prefix):
            raise UsageError(
                f"'{label}' asks for an agent of template {other.name}, not of {template.name}",
                way_out=f"request {other.name}, or give another label",
            )


def check_place(
    template: Template, rules: Rules, agents: Collection[AgentRecord], pause: Pause | None, drained: Collection[str]
) -> None:
    """Raises `CiprovError` where none is made now. `pause` is the template's."""
    if template.name in drained:
        raise CiprovError(
            f"template {template.name} is drained",
            way_out=f"Let it be used again: ciprov agents undrain {template.name}",
        )
    if pause is not None and pause.final:
        detail = f" ({pause.detail})" if pause.detail else ""
        raise CiprovError(
            f"template {template.name} is paused until {pause.until:%Y-%m-%d %H:%M:%S} UTC: {pause.cause}{detail}",
            way_out=f"Once that is mended: ciprov agents resume {template.name}",
        )
    there = [record for record in agents if record.phase is not Phase.REMOVED]
    mine = sum(record.template == template.name for record in there)
    for count, most, whose in (
        (mine, template.limits.most, f"template {template.name} has"),
        (len(there), rules.service.most, "there are"),
    ):
        if 0 < most <= count:
            raise CiprovError(f"{whose} {count} agents, and {most} at most", way_out="Ask again once one has gone.")


def at_hand(label: str, template: Template, agents: Mapping[str, AgentRecord]) -> AgentRecord | None:
    """What an earlier request for that label made, and that has no build yet: who asks twice gets one.

    Raises `CiprovError` where that one is of another template: the build would get either of the two.
    """
    same = (record for record in agents.values() if label and record.unique_label == label and not record.spent)
    found = next(same, None)
    if found is not None and found.template != template.name:
        raise CiprovError(
            f"'{label}' is the label of agent {found.name} of template {found.template}, which has no build yet",
            way_out=f"request {found.template} to be told that one, or give another label",
        )
    return found


def _is_single(label: str) -> bool:
    try:
        return parse(label) == Atom(label) and label.isprintable() and not set(label) & set(" \t,'\"\\")
    except LabelError:
        return False
