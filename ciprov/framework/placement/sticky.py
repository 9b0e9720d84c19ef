"""Sticky: a host with a warm cache, in the order of preference; where none fits, as best fit does, without waiting."""

from __future__ import annotations

from collections.abc import Iterator

from ciprov.framework.asks import Ask
from ciprov.framework.fleet import Fleet
from ciprov.framework.joined_offers import JoinedOffers


def sticky(ask: Ask, fleet: Fleet) -> Iterator[JoinedOffers]:
    for hostname in ask.request.preferred_hosts:
        yield from fleet.on_host(hostname)
    yield from fleet.fullest_first(ask)
