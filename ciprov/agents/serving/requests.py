"""What an agent asks of Mesos."""

from __future__ import annotations

from collections.abc import Iterable

from ciprov.agents.record import AgentRecord
from ciprov.agents.template import Template
from ciprov.framework.requests import Request

_MOST_HOSTS = 8


def request(record: AgentRecord, template: Template, recent: Iterable[AgentRecord]) -> Request:
    """`recent` are agents that are gone, the last one first: where they were, caches are warm."""
    return Request(
        id=record.name,
        label=template.name,
        wanted=template.wanted,
        asked_at=record.item_since or record.wanted_at,
        constraints=template.constraints,
        roles=template.roles,
        priority=template.priority,
        preferred_hosts=_warm_hosts(record, recent),
        algorithm=template.algorithm,
        expected_s=template.expected_s,
    )


def _warm_hosts(record: AgentRecord, recent: Iterable[AgentRecord]) -> tuple[str, ...]:
    """Hosts of the same job first, then those of the same template."""
    alike = [other for other in recent if other.template == record.template and other.host]
    of_job = [other.host for other in alike if record.job and other.job == record.job]
    return tuple(dict.fromkeys([*of_job, *(other.host for other in alike)]))[:_MOST_HOSTS]
