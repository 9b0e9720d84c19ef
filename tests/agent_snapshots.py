"""Snapshots of an agent service made by hand, and a `Control` that shows one and remembers what it was asked."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from ciprov.agents.queue.demand import Demand, Need, NoNeed, Spare
from ciprov.agents.record import AgentRecord, Cause, Phase
from ciprov.agents.template import Limits, Rules, ServiceRules, Template
from ciprov.agents.template_digest import Difference
from ciprov.agents.view.control import Reloaded, Requested
from ciprov.agents.view.snapshot import Peer, Snapshot
from ciprov.domain.jenkins import Node, QueueItem, Stage
from ciprov.foundation.errors import CiprovError, UsageError
from ciprov.framework.requests import Wanted

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TOKEN = "token-of-linux-1"


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def template(name: str, *labels: str, most: int = 0, unique_prefix: str = "") -> Template:
    return Template(
        name, labels or (name,), Wanted(cpus=1, mem=512), unique_prefix=unique_prefix, limits=Limits(most=most)
    )


RULES = Rules(
    ServiceRules(name="ciprov"),
    (
        template("linux", "linux", "small", most=50, unique_prefix="once-"),
        template("gpu", "linux", "gpu"),
        template("arm", "arm"),
    ),
)
JENKINS = Peer("ci (http://jenkins.example:8080/ci)", True, ago(3600), "2.462.3")
MESOS = Peer("main (http://mesos.example:5050)", True, ago(3600), "1.11.0")
EMPTY = Snapshot(NOW, RULES, JENKINS, MESOS, framework_id="F-1")


def record(name: str, of: str = "linux", phase: Phase = Phase.ONLINE, **more: object) -> AgentRecord:
    labels = next((one.labels for one in RULES.templates if one.name == of), (of,))
    first = AgentRecord(name, of, labels, wanted_at=ago(10), since=ago(5), phase=phase)
    return replace(first, **more)  # type: ignore[arg-type]


def item(id: int, label: str | None = "linux", **more: object) -> QueueItem:
    first = QueueItem(id, Stage.BUILDABLE, label=label, task_name=f"job-{id}", since=ago(30), buildable_since=ago(29))
    return replace(first, **more)  # type: ignore[arg-type]


def need(id: int, of: str = "linux") -> Need:
    return Need(id, of, frozenset({of}), of)


def spared(id: int, why: Spare, reason: str = "for a reason") -> NoNeed:
    return NoNeed(id, why, reason)


def went(name: str, cause: Cause, *, builds: int = 1, of: str = "linux", **more: object) -> AgentRecord:
    """One that is gone: 2 s in the queue, 3 s to its connection, 0.5 s to its build, which took a minute."""
    times = {Phase.WANTED: 99, Phase.LAUNCHED: 98, Phase.ONLINE: 95, Phase.BUSY: 94.5, Phase.ENDED: 34}
    urls = tuple(f"http://jenkins.example:8080/ci/job/a/{number}/" for number in range(builds))
    given = {
        "item_id": 7,
        "item_since": ago(100),
        "cause": cause,
        "builds": urls,
        "host": "host-1",
        "mesos_agent": "S1",
        "times": {phase.value: ago(seconds) for phase, seconds in times.items()},
        **more,
    }
    return record(name, of, Phase.REMOVED, **given)


BUSY_DAY = replace(
    EMPTY,
    agents={
        "linux-1": record("linux-1", phase=Phase.BUSY, host="host-1", mesos_agent="S1", item_id=5, job="folder/app"),
        "linux-2": record("linux-2", phase=Phase.CONNECTING, host="host-2", mesos_agent="S2", item_id=11),
    },
    items=(item(11), item(12)),
    nodes=(
        Node("linux-1", frozenset({"linux", "small", "linux-1"}), idle=False),
        Node("static", frozenset({"linux", "static"}), idle_executors=1),
    ),
    demand=Demand(needs=(need(12),), spared=(spared(11, Spare.SERVED),)),
    recent=(went("linux-0", Cause.DONE), went("arm-0", Cause.TASK_FAILED, builds=0, of="arm", detail="no such image")),
    counts={"builds": 12, "wanted": 14},
)


@dataclass
class HandControl:
    """What is asked is appended to `asked`. Templates are known as in its snapshot."""

    shown: Snapshot = BUSY_DAY
    asked: list[tuple[object, ...]] = field(default_factory=list)
    failure: Exception | None = None
    reloaded: Reloaded = field(default_factory=lambda: Reloaded(Difference()))

    def snapshot(self) -> Snapshot:
        return self.shown

    def secrets(self, agent: str, ticket: str) -> str | None:
        return "A=1\n" if (agent, ticket) == ("a1", "ticket") else None

    def signal(self, agent: str, token: str, entries: Collection[str]) -> bool:
        self._ask("signal", agent, tuple(entries))
        if agent not in self.shown.agents:
            raise UsageError(f"there is no agent {agent}")
        return agent == "linux-1" and token == TOKEN

    def request(self, template: str, label: str = "") -> Requested:
        self._ask("request", template, label)
        if self.shown.rules.template(template) is None:
            raise UsageError(f"there is no template {template}", way_out="there are: linux, gpu, arm")
        return Requested(label or "once-1", f"{template}-9", template)

    def drain(self, templates: Collection[str]) -> frozenset[str]:
        self._ask("drain", *templates)
        return frozenset(templates) - self.shown.drained

    def undrain(self, templates: Collection[str]) -> frozenset[str]:
        self._ask("undrain", *templates)
        return self.shown.drained & frozenset(templates)

    def resume(self, templates: Collection[str]) -> frozenset[str]:
        self._ask("resume", *templates)
        return frozenset(pause.template for pause in self.shown.pauses) & frozenset(templates)

    def kill(self, agents: Collection[str]) -> None:
        self._ask("kill", *agents)

    def reload(self) -> Reloaded:
        self._ask("reload")
        return self.reloaded

    def _ask(self, *words: object) -> None:
        self.asked.append(words)
        if self.failure is not None:
            raise self.failure


REFUSAL = CiprovError("the store is away", place="zk://here", way_out="bring it back")
