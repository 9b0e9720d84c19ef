"""The loop with a Jenkins and a Mesos in memory, from an item in the queue to the task that is launched."""

from __future__ import annotations

import queue
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ciprov.agents.serving.inbox import Leave
from ciprov.agents.serving.service import AgentService, Parts
from ciprov.agents.start.task import Site
from ciprov.agents.template import Rules, ServiceRules, Start, Template
from ciprov.domain import mesos_events as events
from ciprov.domain.agents import Key
from ciprov.domain.jenkins import AgentSecret, NewNode, Node, QueueItem, Server, Stage
from ciprov.domain.mesos_scheduler import EventQueue, Framework
from ciprov.foundation.clock import utc_now
from ciprov.foundation.json import JsonObject
from ciprov.framework.requests import Wanted

LINUX = Template("linux", ("linux",), Wanted(cpus=1, mem=128), start=Start(cached_agent_jar=True))
RULES = Rules(ServiceRules(anchors=False), (LINUX,))


class Jenkins:
    """One item waits."""

    target = "jenkins"

    def __init__(self) -> None:
        self.made: list[Node] = []

    def server(self) -> Server:
        return Server("2.462.3", session="s1")

    def nodes(self) -> list[Node]:
        return [Node("built-in", built_in=True), *self.made]

    def queue(self) -> list[QueueItem]:
        return [QueueItem(1, Stage.BUILDABLE, label="linux")]

    def create_node(self, new: NewNode) -> bool:
        self.made.append(Node(new.name, frozenset(new.labels), offline=True))
        return True

    def secret(self, _: str) -> AgentSecret:
        return AgentSecret("s" * 64)


class Mesos:
    """One agent, whose offer comes with each wish for one."""

    def __init__(self) -> None:
        self.launched: queue.SimpleQueue[JsonObject] = queue.SimpleQueue()
        self._events: EventQueue = queue.SimpleQueue()

    def start(self, _: Framework, events_: EventQueue) -> None:
        self._events = events_
        self._events.put(events.Subscribed("F1", "m:5050", "1.11.0", 15.0, again=False))

    def revive(self, _: Collection[str] = ()) -> None:
        amounts = {"cpus": 2, "mem": 1024, "disk": 1024}
        offer = {
            "id": {"value": "O1"},
            "agent_id": {"value": "S1"},
            "hostname": "host-1",
            "allocation_info": {"role": "*"},
            "resources": [{"name": n, "type": "SCALAR", "scalar": {"value": v}} for n, v in amounts.items()],
        }
        self._events.put(events.Offers((offer,)))

    def launch(self, _ids: Sequence[str], task_infos: Sequence[JsonObject], **_: Any) -> None:
        for info in task_infos:
            self.launched.put(info)

    def __getattr__(self, _: str) -> Any:
        return lambda *_given, **_more: None


class Store:
    """Also its lead."""

    def __init__(self) -> None:
        self.kept: dict[Key, JsonObject] = {}

    def load(self) -> Mapping[Key, JsonObject]:
        return self.kept

    def write(self, put: Mapping[Key, JsonObject], remove: Collection[Key] = ()) -> None:
        self.kept |= put
        for key in remove:
            self.kept.pop(key, None)

    def check(self) -> None:
        pass


@contextmanager
def serving(jenkins: Any, mesos: Any) -> Iterator[AgentService]:
    store: Any = Store()
    site = Site("http://jenkins:8080", "", "ciprov")
    parts = Parts(jenkins, lambda: mesos, store, store, Framework("ciprov", ("*",)), site, "mesos")
    service = AgentService(parts, RULES, lambda _: None, utc_now)
    service.recover()
    thread = threading.Thread(target=service.run)
    thread.start()
    try:
        yield service
    finally:
        service.inbox.put(Leave())
        thread.join(10)


def test_an_item_in_the_queue_becomes_a_task() -> None:
    jenkins, mesos = Jenkins(), Mesos()
    with serving(jenkins, mesos) as service:
        task = mesos.launched.get(timeout=10)
        assert task["name"] == jenkins.made[0].name
        assert [task["task_id"]["value"]] == list(service.snapshot.agents)


def test_a_kept_agent_jar_is_that_of_jenkinss_version() -> None:
    mesos = Mesos()
    with serving(Jenkins(), mesos):
        jar = mesos.launched.get(timeout=10)["command"]["uris"][0]
    assert jar["cache"]
    assert jar["value"] == "http://jenkins:8080/jnlpJars/agent.jar?version=2.462.3"
