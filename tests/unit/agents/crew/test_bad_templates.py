"""What a template that always fails costs: a wave, two more agents, and then one after each pause."""

from staffing_world import UNLAUNCHED, World, rules, template

from ciprov.agents.crew.attempts import failed, pauses, succeeded
from ciprov.agents.crew.staffing import held_back
from ciprov.agents.lifecycle import ended
from ciprov.agents.record import Cause, Phase

TICK_S = 0.25


class Cluster:
    """Launches all it may, so many at a time; agents of `bad` fail a second later, others come online and work."""

    def __init__(self, bad: str, at_once: int) -> None:
        self.world = World(rules(template("a"), template("b"), most=200))
        self.bad = bad
        self.at_once = at_once
        self.launches: list[tuple[float, str]] = []
        self.begun = self.world.now

    def run(self, seconds: float) -> None:
        for _ in range(int(seconds / TICK_S)):
            self.world.passes(TICK_S)
            self._launch()
            self._go_on()
            self.world.look()

    def _launch(self) -> None:
        held = held_back(self.world.standing, self.world.now)
        ready = [record for record in self.world.unspent(UNLAUNCHED) if record.name not in held]
        for record in ready[: self.at_once]:
            self.world.put(record, Phase.LAUNCHED)
            self.launches.append(((self.world.now - self.begun).total_seconds(), record.template))

    def _go_on(self) -> None:
        world = self.world
        for record in world.unspent({Phase.LAUNCHED}):
            if (world.now - record.since).total_seconds() < 1:
                continue
            if record.template == self.bad:
                over = ended(record, Cause.TASK_FAILED, "no such image", world.now)
                world.attempts = failed(world.attempts, over, template(self.bad).limits, world.now)
                del world.records[record.name]
            else:
                world.put(record, Phase.ONLINE)
                world.attempts = succeeded(world.attempts, record.template)
                world.moves(sorted(world.records).index(record.name))

    def launched(self, name: str, begin: float, end: float) -> int:
        return sum(1 for at, template in self.launches if template == name and begin <= at < end)


def test_a_burst_on_a_bad_template_costs_a_wave_and_two_more():
    cluster = Cluster("a", at_once=100)
    cluster.world.comes("a", 50)
    cluster.world.comes("b", 50)
    cluster.run(60)
    first = min(at for at, name in cluster.launches if name == "a")
    assert cluster.launched("a", first, first + 1) == 50
    assert cluster.launched("a", first + 1, 60) == 2
    assert pauses(cluster.world.attempts, cluster.world.now)["a"].final
    assert [label for label in cluster.world.items.values() if label == "b"] == []
    assert cluster.world.unspent(UNLAUNCHED) == []
    cluster.world.passes(1800)
    cluster.run(20)
    assert cluster.launched("a", 60, 1900) == 1


def test_those_that_wait_for_offers_while_the_first_ones_fail_are_not_launched():
    cluster = Cluster("a", at_once=4)
    cluster.world.comes("a", 50)
    cluster.run(60)
    first = min(at for at, _ in cluster.launches)
    assert cluster.launched("a", first, first + 1.01) <= 4 * 5
    assert cluster.launched("a", first + 1.01, 60) == 2
    assert pauses(cluster.world.attempts, cluster.world.now)["a"].final


def test_a_template_that_is_mended_serves_all_that_wait():
    cluster = Cluster("a", at_once=100)
    cluster.world.comes("a", 30)
    cluster.run(2)
    cluster.bad = ""
    cluster.run(8)
    assert cluster.world.items == {}
    assert pauses(cluster.world.attempts, cluster.world.now) == {}
