"""Best fit (pack): the agent that is fullest and still fits, by cpus and then by memory. What is left stays large."""

from __future__ import annotations

from collections.abc import Iterator

from ciprov.framework.asks import Ask
from ciprov.framework.fleet import Fleet
from ciprov.framework.joined_offers import JoinedOffers


def best_fit(ask: Ask, fleet: Fleet) -> Iterator[JoinedOffers]:
    return fleet.fullest_first(ask)
