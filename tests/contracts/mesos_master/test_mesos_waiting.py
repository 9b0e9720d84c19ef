"""What comes by itself after a while, all watched at once.

Facts: a HEARTBEAT every 15 s; `refuse_seconds` is 5 by default; an agent tells its update until it is acknowledged.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from frameworks import Frameworks
from plain_mesos import Json, Place
from plain_scheduler import Scheduler
from task_infos import id_of, task


@dataclass(frozen=True)
class Watched:
    """Monotonic times; `negative` and `default` are agents, by how their offers were declined at `declined`."""

    scheduler: Scheduler
    declined: float
    negative: str
    default: str

    def times(self, kind: str) -> list[tuple[float, Json]]:
        pairs = zip(self.scheduler.arrived, self.scheduler.seen, strict=True)
        return [(at, event) for at, event in pairs if event["type"] == kind]

    def offered_again(self, agent: str) -> float:
        """Seconds from when it was declined."""
        return next(
            at - self.declined
            for at, event in self.times("OFFERS")
            for offer in event["offers"]["offers"]
            if at > self.declined and offer["agent_id"]["value"] == agent
        )


@pytest.fixture(scope="module")
def watched(master: Place) -> Iterator[Watched]:
    """Until the second heartbeat, with an update that nobody acknowledges."""
    with Frameworks(master) as frameworks:
        scheduler = frameworks.subscribe()
        scheduler.acknowledges = False
        scheduler.wait_for("HEARTBEAT")
        one, other = scheduler.offers_of_all(2)
        launched = task(one, "sleep 100")
        scheduler.accept([one], [launched], refuse_seconds=0)
        scheduler.status(id_of(launched), "TASK_STARTING")
        rest = scheduler.offer(lambda offer: bool(offer["agent_id"] == one["agent_id"]))
        declined = time.monotonic()
        scheduler.decline([other])
        scheduler.decline([rest], -1)
        scheduler.wait_for("HEARTBEAT", seconds=20)
        scheduler.pending()
        yield Watched(scheduler, declined, one["agent_id"]["value"], other["agent_id"]["value"])


def test_a_heartbeat_every_fifteen_seconds(watched: Watched) -> None:
    first, second = (at for at, _ in watched.times("HEARTBEAT")[:2])
    assert second - first == pytest.approx(15.0, abs=1.0)


def test_an_offer_is_refused_for_five_seconds_by_default(watched: Watched) -> None:
    assert 5.0 <= watched.offered_again(watched.default) < 7.0


def test_a_time_below_zero_is_the_default(watched: Watched) -> None:
    assert 5.0 <= watched.offered_again(watched.negative) < 7.0


def test_an_update_is_told_until_it_is_acknowledged(watched: Watched) -> None:
    """After ten seconds for the first time; nothing later is told of that task meanwhile."""
    told = [(at, event["update"]["status"]) for at, event in watched.times("UPDATE")]
    assert [status["state"] for _, status in told] == ["TASK_STARTING", "TASK_STARTING"]
    assert told[0][1]["uuid"] == told[1][1]["uuid"]
    assert told[1][0] - told[0][0] == pytest.approx(10.0, abs=1.5)
