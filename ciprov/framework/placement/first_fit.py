"""First fit: the first agent by host name that fits. Later agents stay empty, for large requests and for savings."""

from __future__ import annotations

from collections.abc import Iterator

from ciprov.framework.asks import Ask
from ciprov.framework.fleet import Fleet
from ciprov.framework.joined_offers import JoinedOffers


def first_fit(ask: Ask, fleet: Fleet) -> Iterator[JoinedOffers]:
    return fleet.in_order(ask)
