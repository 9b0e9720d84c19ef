"""One answer for every offer, once it is decided what goes where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from ciprov.framework.decisions import Decline, Launch
from ciprov.framework.joined_offers import JoinedOffers
from ciprov.framework.state import Hold, Policy


@dataclass(frozen=True, slots=True)
class Outlook:
    """What still waits: whether anything does, in which roles; the agents held, by their id, and those held no more."""

    waiting: bool
    roles: Set[str]
    holds: Mapping[str, Hold]
    released: Set[str]
    policy: Policy

    def filter_s(self, one: JoinedOffers) -> float:
        if one.agent_id in self.holds or (self.waiting and one.agent_id in self.released):
            return self.policy.held_filter
        if not self.waiting or one.role not in self.roles:
            return self.policy.idle_filter
        return self.policy.leaving_filter if one.maintenance else self.policy.unfit_filter

    def reason(self, one: JoinedOffers) -> str:
        if one.agent_id in self.holds:
            return f"held for {self.holds[one.agent_id].request_id}"
        if not self.waiting:
            return "nothing is wanted"
        if one.role not in self.roles:
            return f"nothing is wanted that may use the role {one.role}"
        if one.maintenance:
            return f"maintenance begins at {one.maintenance:%Y-%m-%d %H:%M} UTC, and nothing that is wanted fits before"
        return "nothing that is wanted fits"


def launches(joined: Iterable[JoinedOffers], outlook: Outlook) -> tuple[Launch, ...]:
    return tuple(
        Launch(
            agent_id=one.agent_id,
            hostname=one.hostname,
            role=one.role,
            offer_ids=tuple(offer.id for offer in one.offers),
            placements=tuple(one.placements),
            filter_s=outlook.filter_s(one),
            attributes=one.attributes,
        )
        for one in joined
        if one.placements
    )


def declines(joined: Iterable[JoinedOffers], outlook: Outlook) -> tuple[Decline, ...]:
    return tuple(
        Decline(offer.id, one.agent_id, outlook.reason(one), outlook.filter_s(one))
        for one in joined
        if not one.placements
        for offer in one.offers
    )
