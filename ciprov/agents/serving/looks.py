"""Begins each look at Jenkins when it is due."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from ciprov.agents.queue.demand import Demand
from ciprov.agents.queue.looking import Facts, History, Look, answered, cadence, unanswered
from ciprov.agents.serving import jenkins_desk
from ciprov.agents.serving.inbox import Looked
from ciprov.agents.serving.jenkins_desk import JenkinsDesk

_CLOCK_EVERY = timedelta(seconds=60)
_CLOCK_AGAIN = timedelta(seconds=15)
"""Jenkins counts what waits every 10 s."""


class Looks:
    """Owned by the loop's thread."""

    def __init__(self, jenkins: JenkinsDesk) -> None:
        self._jenkins = jenkins
        self._history = History()
        self._next_clock: datetime | None = None
        self._jitter = random.random()

    def next(self, facts: Facts, now: datetime) -> Look:
        return cadence(facts, self._history, now, self._jitter)

    def on(self, facts: Facts, now: datetime) -> None:
        """Begin the next look if it is due and none is under way. Now and then it asks what Jenkins tells of itself,
        too.
        """
        look = self.next(facts, now)
        if self._jenkins.looking or now < look.at:
            return
        clock = self._next_clock is None or now >= self._next_clock
        if clock:
            self._next_clock = now + _CLOCK_EVERY
        self._jenkins.look(jenkins_desk.Look(nodes=look.nodes, queue=look.queue, server=clock))

    def ask_again(self, now: datetime) -> None:
        """What Jenkins tells of itself is wanted soon once more."""
        self._next_clock = now + _CLOCK_AGAIN

    def answered(self, looked: Looked, demand: Demand, now: datetime) -> None:
        """After each look that was answered; `demand` is what follows from it."""
        look = Look(looked.nodes is not None, looked.items is not None, looked.began)
        self._history = answered(self._history, look, looked.began, now, demand)

    def failed(self, looked: Looked, now: datetime) -> None:
        self._history = unanswered(self._history, looked.began, now)
        self._next_clock = None
