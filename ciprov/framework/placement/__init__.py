"""Placement algorithms: each gives the agents in the order in which it would take them. The first that may be used is.

They only choose an order. Whether an agent may be used is asked elsewhere, so none can break a constraint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ciprov.framework.asks import Ask
from ciprov.framework.fleet import Fleet
from ciprov.framework.joined_offers import JoinedOffers
from ciprov.framework.placement.best_fit import best_fit
from ciprov.framework.placement.first_fit import first_fit
from ciprov.framework.placement.spread import spread
from ciprov.framework.placement.sticky import sticky
from ciprov.framework.requests import Algorithm

PlacementAlgorithm = Callable[[Ask, Fleet], Iterator[JoinedOffers]]

ALGORITHMS: Mapping[Algorithm, PlacementAlgorithm] = {
    Algorithm.FIRST_FIT: first_fit,
    Algorithm.BEST_FIT: best_fit,
    Algorithm.SPREAD: spread,
    Algorithm.STICKY: sticky,
}
