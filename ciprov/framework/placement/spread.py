"""Spread: the agent with the fewest tasks of the label, then the emptiest. One lost agent costs the least."""

from __future__ import annotations

from collections.abc import Iterator

from ciprov.framework.asks import Ask
from ciprov.framework.fleet import Fleet
from ciprov.framework.joined_offers import JoinedOffers


def spread(ask: Ask, fleet: Fleet) -> Iterator[JoinedOffers]:
    return fleet.emptiest_first(ask)
