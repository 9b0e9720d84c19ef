"""Leftovers swept from a controller on which others have nodes too, while a build runs on one of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from jenkins_controllers import Controller, Names, jar_agents, node_of, wait_until_online
from jenkins_http import JenkinsHttp, wait_for

from ciprov.agents.leftovers.sweeping import APART, Sweep, sweep
from ciprov.clients.jenkins.client import HttpJenkins
from ciprov.domain.jenkins import NewNode


class Sweeper:
    """Looks, sweeps and acts, in a time of its own."""

    def __init__(self, jenkins: HttpJenkins, recorded: str, anchor: str) -> None:
        self.jenkins = jenkins
        self._recorded, self._anchors = {recorded}, {anchor}
        self.now = datetime(2030, 1, 1, tzinfo=UTC)
        self.last = Sweep()

    def turn(self) -> Sweep:
        self.now += APART / 2 + timedelta(milliseconds=1)
        self.last = sweep(
            self.jenkins.nodes(), self._recorded, self.jenkins.service, self._anchors, self.last.seen, self.now
        )
        for name in self.last.fence:
            self.jenkins.withdraw(name, "left over")
        for name in self.last.delete:
            self.jenkins.delete_node(name)
        return self.last


def test_what_a_crashed_run_left_goes_and_nothing_else(
    controller: Controller, by_hand: JenkinsHttp, own: Names, tmp_path: Path
) -> None:
    job, go = own("job"), tmp_path / "go"
    anchor, recorded, offline, busy, foreign = names = [own(each) for each in ("a", "r", "o", "b", "f")]
    ours, theirs = controller.client(own("ci")), controller.client(own("nightly"))
    for name in names:
        (theirs if name == foreign else ours).create_node(NewNode(name, (name,), str(tmp_path / name)))
    with jar_agents(controller, tmp_path) as start:
        start(busy)
        wait_until_online(ours, busy)
        by_hand.freestyle(job, busy, f"while [ ! -e '{go}' ]; do sleep 0.1; done")
        by_hand.build(job)
        sweeper = Sweeper(ours, recorded, anchor)
        wait_for(lambda: not node_of(ours, busy).idle)

        assert sweeper.turn().waiting == (busy, offline)
        assert sweeper.turn().waiting == (busy, offline)
        assert sweeper.turn().fence == (busy, offline)
        after = sweeper.turn()
        assert (after.delete, after.waiting, after.fence) == ((offline,), (busy,), ())
        for _ in range(3):
            assert sweeper.turn().waiting == (busy,)
        go.touch()
        wait_for(lambda: by_hand.result(job, 1) == "SUCCESS")
        wait_for(lambda: node_of(ours, busy).idle)
        assert sweeper.turn().delete == (busy,)
        assert sweeper.turn() == Sweep()
        assert {node.name for node in ours.nodes()} & set(names) == {anchor, recorded, foreign}
