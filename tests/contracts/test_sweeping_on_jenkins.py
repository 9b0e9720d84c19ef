"""Leftovers swept from a controller on which others have nodes too, while a build runs on one of them."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import requests
from fake_jenkins import FakeJenkins
from fake_jenkins_routes import TOKEN, USER
from jenkins_http import JenkinsHttp, wait_for

from ciprov.agents.leftovers.sweeping import APART, Sweep, sweep
from ciprov.clients.connection import Connection
from ciprov.clients.jenkins.client import HttpJenkins
from ciprov.domain.jenkins import NewNode, Node


def client(fake: FakeJenkins, service: str) -> HttpJenkins:
    return HttpJenkins(Connection("jenkins", [fake.url], user=USER, password=TOKEN), service)


def serve(fake: FakeJenkins, name: str, secret: str, go: threading.Event) -> None:
    """An agent whose builds end once `go` is set."""
    address, headers = f"{fake.url}/fake/agents/{name}", {"X-Secret": secret}
    with suppress(requests.RequestException), requests.post(address, headers=headers, stream=True, timeout=30) as lines:
        for line in lines.iter_lines(chunk_size=1):
            if build := json.loads(line):
                assert go.wait(30)
                requests.post(f"{address}/done", json={**build, "result": "SUCCESS"}, headers=headers, timeout=30)


class Sweeper:
    """Looks, sweeps and acts, in a time of its own."""

    def __init__(self, jenkins: HttpJenkins) -> None:
        self.jenkins = jenkins
        self.now = datetime(2030, 1, 1, tzinfo=UTC)
        self.last = Sweep()

    def turn(self) -> Sweep:
        self.now += APART / 2 + timedelta(milliseconds=1)
        self.last = sweep(self.jenkins.nodes(), {"recorded"}, "ci", {"anchor"}, self.last.seen, self.now)
        for name in self.last.fence:
            self.jenkins.fence(name, "left over")
        for name in self.last.delete:
            self.jenkins.delete_node(name)
        return self.last

    def node(self, name: str) -> Node | None:
        return self.jenkins.node(name)


def test_what_a_crashed_run_left_goes_and_nothing_else() -> None:
    with FakeJenkins() as fake:
        ours, theirs, by_hand = client(fake, "ci"), client(fake, "nightly"), JenkinsHttp(fake.url, USER, TOKEN)
        for name in ("anchor", "recorded", "left-offline", "left-busy"):
            ours.create_node(NewNode(name, (name,), "/srv"))
        theirs.create_node(NewNode("theirs", ("theirs",), "/srv"))
        go = threading.Event()
        agent = threading.Thread(
            target=serve, args=(fake, "left-busy", ours.secret("left-busy").value, go), daemon=True
        )
        agent.start()
        by_hand.freestyle("job", "left-busy")
        by_hand.build("job")
        sweeper = Sweeper(ours)
        wait_for(lambda: (node := sweeper.node("left-busy")) is not None and not node.idle)

        assert sweeper.turn().waiting == ("left-busy", "left-offline")
        assert sweeper.turn().waiting == ("left-busy", "left-offline")
        assert sweeper.turn().fence == ("left-busy", "left-offline")
        after = sweeper.turn()
        assert (after.delete, after.waiting, after.fence) == (("left-offline",), ("left-busy",), ())
        for _ in range(3):
            assert sweeper.turn().waiting == ("left-busy",)
        go.set()
        wait_for(lambda: by_hand.result("job", 1) == "SUCCESS")
        wait_for(lambda: (node := sweeper.node("left-busy")) is not None and node.idle)
        assert sweeper.turn().delete == ("left-busy",)
        assert sweeper.turn() == Sweep()
        left = {node.name for node in ours.nodes() if not node.built_in}
        assert left == {"anchor", "recorded", "theirs"}
