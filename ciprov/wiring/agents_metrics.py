"""The agent service's metrics, in a registry of their own: counted from what is told, and read off a snapshot."""

from __future__ import annotations

import threading
from collections import Counter as Counted
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ciprov.agents.record import Cause, cause_word
from ciprov.agents.view.happenings import Happening, What
from ciprov.agents.view.snapshot import Snapshot

_BUCKETS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 120.0, 300.0, 900.0)
_TIMES = {
    "queue_to_accept": "From when an item stood in Jenkins's queue to the ACCEPT for its agent.",
    "accept_to_online": "From the ACCEPT to the agent's connection.",
    "online_to_busy": "From an agent's connection to its build.",
}
_BUILT = frozenset({"online_to_busy", "busy_to_fenced"})
_UNUSED = {Cause.SURPLUS.word, Cause.IDLE.word}
_MOST_TOLD = 20_000


class Metrics:
    """`tell` is a `Tell`; a `Metrics` itself is called with a snapshot and gives the text that Prometheus reads."""

    def __init__(self) -> None:
        # When a series began is of no use to Prometheus in this form, and doubles its length.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._lock = threading.Lock()
        self._told: dict[str, set[str]] = {}
        self._times = {
            name: Histogram(
                f"ciprov_agents_{name}_seconds", text, ["template"], registry=self._registry, buckets=_BUCKETS
            )
            for name, text in _TIMES.items()
        }
        self._launched = self._counter("launched", "Tasks launched.", "template")
        self._ended = self._counter("ended", "Agents that ended, by why.", "template", "cause")
        self._builds = self._counter("builds", "Builds seen on agents.", "template")
        self._leaks = self._counter("leaks", "Second builds on an agent.", "template")
        self._surplus = self._counter("surplus", "Agents launched for an item that got no build.", "template")
        self._failed = self._counter("attempts_failed", "Attempts that failed.", "template", "cause")
        self._faults = self._counter("faults", "Faults of the service itself.")

    def tell(self, happening: Happening) -> None:
        """An agent may pass through several phases in one look, and only the last one is told."""
        agent, template, cause = happening.agent, happening.template, cause_word(happening.cause)
        for name, seconds in happening.seconds.items():
            if name in self._times and self._is_first(agent, name):
                self._times[name].labels(template).observe(max(0.0, seconds))
        if happening.what is What.LAUNCHED or "wanted_to_accept" in happening.seconds:
            self._once("launched", agent, self._launched.labels(template))
        if happening.what is What.BUSY or _BUILT & happening.seconds.keys():
            self._once("built", agent, self._builds.labels(template))
        match happening.what:
            case What.ENDED | What.REMOVED:
                self._once("ended", agent, self._ended.labels(template, cause))
                if happening.item and cause in _UNUSED and self._told[agent] & {"launched", "built"} == {"launched"}:
                    self._once("surplus", agent, self._surplus.labels(template))
            case What.LEAKED:
                self._builds.labels(template).inc()
                self._leaks.labels(template).inc()
            case What.ATTEMPT_FAILED | What.PAUSED:
                self._failed.labels(template, cause).inc()
            case What.FAULT:
                self._faults.inc()
        if happening.what is What.REMOVED:
            self._told.pop(agent, None)

    def _once(self, what: str, agent: str, counter: Counter) -> None:
        if self._is_first(agent, what):
            counter.inc()

    def _is_first(self, agent: str, what: str) -> bool:
        """Whether this was not counted of that agent yet."""
        with self._lock:
            told = self._told.setdefault(agent, set())
            if what in told:
                return False
            told.add(what)
            if len(self._told) > _MOST_TOLD:
                del self._told[next(iter(self._told))]
            return True

    def __call__(self, snapshot: Snapshot) -> bytes:
        shown = CollectorRegistry(auto_describe=False)
        shown.register(_Shown(snapshot))
        return generate_latest(self._registry) + generate_latest(shown)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"ciprov_agents_{name}", text, labels, registry=self._registry)


class _Shown(Collector):
    """What a snapshot shows."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[GaugeMetricFamily]:
        snapshot = self._snapshot
        agents = GaugeMetricFamily("ciprov_agents", "Agents, by phase.", labels=["template", "phase"])
        counted = Counted((record.template, record.phase.value) for record in snapshot.agents.values())
        for (template, phase), count in sorted(counted.items()):
            agents.add_metric([template, phase], count)
        yield agents
        items = GaugeMetricFamily("ciprov_agents_waiting_items", "Items of Jenkins's queue.", labels=["state"])
        states = Counted(spared.why.value for spared in snapshot.demand.spared)
        states["wanted"] = len(snapshot.demand.needs)
        for state, count in sorted(states.items()):
            items.add_metric([state], count)
        yield items
        up = GaugeMetricFamily("ciprov_agents_peer_up", "Whether Jenkins and Mesos answer.", labels=["peer"])
        up.add_metric(["jenkins"], snapshot.jenkins.up)
        up.add_metric(["mesos"], snapshot.mesos.up)
        yield up
        paused = GaugeMetricFamily("ciprov_agents_template_paused", "Templates not tried now.", labels=["template"])
        drained = GaugeMetricFamily("ciprov_agents_template_drained", "Templates drained.", labels=["template"])
        pauses = {pause.template for pause in snapshot.pauses if pause.until > snapshot.at}
        for each in snapshot.rules.templates:
            paused.add_metric([each.name], each.name in pauses)
            drained.add_metric([each.name], each.name in snapshot.drained)
        yield paused
        yield drained
