"""Why no agent takes a request: at which question how many agents drop out, and which came furthest."""

from __future__ import annotations

from collections.abc import Sequence

from ciprov.framework.admission import AMOUNTS, Admission, shortage
from ciprov.framework.asks import Ask
from ciprov.framework.decisions import Funnel, Lack, Refusal
from ciprov.framework.joined_offers import JoinedOffers


def funnel(
    ask: Ask, joined: Sequence[JoinedOffers], standing: Sequence[Refusal | None], admission: Admission
) -> Funnel:
    """`standing` is why an agent refuses the whole kind of requests, by index."""
    refused: dict[Lack, list[JoinedOffers]] = {}
    left: list[JoinedOffers] = []
    for one, refusal in zip(joined, standing, strict=True):
        if refusal is None:
            left.append(one)
        else:
            refused.setdefault(refusal.lack, []).append(one)
    for which, lack in enumerate(AMOUNTS):
        wanted = ask.amounts[which]
        short = [one for one in left if one.free[which] < wanted] if wanted else []
        if short:
            refused[lack] = short
            left = [one for one in left if one.free[which] >= wanted]
    for one in left:
        passing = shortage(ask, one) or admission.passing(ask, one)
        if passing is not None:
            refused.setdefault(passing.lack, []).append(one)
    if not refused:
        return Funnel({})
    furthest = [lack for lack in Lack if lack in refused][-1]
    closest = max(refused[furthest], key=lambda one: (_has(one, furthest), -one.index))
    why = standing[closest.index] or shortage(ask, closest) or admission.passing(ask, closest)
    return Funnel({lack: len(refused[lack]) for lack in Lack if lack in refused}, closest.hostname, why)


def _has(one: JoinedOffers, lack: Lack) -> int:
    return one.free[AMOUNTS.index(lack)] if lack in AMOUNTS else 0
