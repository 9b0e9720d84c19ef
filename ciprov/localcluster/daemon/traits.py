"""Attributes and roles of agents, as options name them: `agent-2:rack:r1`, `all:zone:east`, `agent-3:public`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ciprov.localcluster.attributes import number
from ciprov.localcluster.model import Agent

SEPARATOR = ";"
"""Between several of them in one text; Mesos separates attributes so, too."""

EVERY_AGENT = "all"
_NAME = re.compile(r"[A-Za-z0-9_@./-]+")
_ROLE = re.compile(r"(?!-)[^\s/\\*;]+")


class BadTrait(ValueError):
    """The message names the text, what is wrong with it and what is allowed."""


def with_traits(agents: Sequence[Agent], attributes: str, roles: str) -> tuple[Agent, ...]:
    """The agents with these attributes and roles; later ones win. Raises BadTrait."""
    known = {agent.id: agent for agent in agents}
    for agent_id, rest, text in _entries(attributes, known):
        name, colon, value = rest.partition(":")
        if not colon or not _NAME.fullmatch(name) or not value.strip():
            raise BadTrait(f"attribute '{text}' is not AGENT:NAME:VALUE, such as agent-1:rack:r1")
        found = {**known[agent_id].attributes, name: number(value.strip()) or value.strip()}
        known[agent_id] = replace(known[agent_id], attributes=found)
    for agent_id, role, text in _entries(roles, known):
        if role != "*" and not _ROLE.fullmatch(role):
            raise BadTrait(f"role '{text}' is not AGENT:ROLE, such as agent-1:public")
        known[agent_id] = replace(known[agent_id], role=role)
    return tuple(known.values())


def _entries(texts: str, known: dict[str, Agent]) -> Iterator[tuple[str, str, str]]:
    """Agent id, what comes behind it, and the whole text."""
    for text in filter(None, (part.strip() for part in texts.split(SEPARATOR))):
        agent_id, _, rest = text.partition(":")
        if agent_id != EVERY_AGENT and agent_id not in known:
            raise BadTrait(
                f"'{text}' begins with no agent: there are {_range(known)}, and '{EVERY_AGENT}' for every one"
            )
        for each in known if agent_id == EVERY_AGENT else (agent_id,):
            yield each, rest, text


def _range(known: dict[str, Agent]) -> str:
    names = list(known)
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
