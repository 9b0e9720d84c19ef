"""Offers: made, taken back, declined, and wanted again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ciprov.localcluster.attributes import number
from ciprov.localcluster.engine.state import State
from ciprov.localcluster.master.offers import (
    Candidate,
    Market,
    Offer,
    Refusal,
    made,
    next_end,
    numbered,
    refuse_seconds,
    standing,
    untenable,
)
from ciprov.localcluster.master.resources import in_json, total
from ciprov.localcluster.master.state import MasterState
from ciprov.localcluster.master.statuses import Json
from ciprov.localcluster.master.telling import Telling
from ciprov.localcluster.model import Agent, Resources
from ciprov.localcluster.scheduling.agents import subtract


@dataclass(frozen=True, slots=True)
class Trading:
    state: State
    known: MasterState
    telling: Telling

    def settle(self, now: float) -> None:
        """Take back what has no ground any more, then offer all that is free."""
        for offer in untenable(self.known.offers.values(), self.state.ledger) if self.known.offers else ():
            self.rescind(offer)
        self.known.refusals = standing(self.known.refusals, now)
        candidates = self._candidates()
        if not candidates:
            return
        market = Market(self.state.ledger, candidates, self.known.used(), self.state.fixed_ports)
        new = made(market, self.known.offers.values(), self.known.refusals, now)
        for framework_id in dict.fromkeys(offer.framework_id for offer in new):
            own = numbered(
                (offer for offer in new if offer.framework_id == framework_id), self.known.id, self.known.offers_made
            )
            self.known.offers.update({offer.id: offer for offer in own})
            self._announce(framework_id, own)

    def next_due(self, now: float) -> float | None:
        return next_end(self.known.refusals, self._candidates(), now)

    def rescind(self, offer: Offer) -> None:
        self.known.offers.pop(offer.id, None)
        event = {"type": "RESCIND", "rescind": {"offer_id": {"value": offer.id}}}
        self.telling.tell(offer.framework_id, event)

    def rescind_on(self, agent_id: str) -> None:
        for offer in [one for one in self.known.offers.values() if one.agent_id == agent_id]:
            self.rescind(offer)

    def withdraw(self, framework_id: str) -> None:
        """All offers to somebody who has gone, or is somebody else now; nobody is told."""
        for offer in [one for one in self.known.offers.values() if one.framework_id == framework_id]:
            del self.known.offers[offer.id]
        self.forget_refusals(framework_id)

    def withdraw_roles(self, framework_id: str, kept: Collection[str]) -> None:
        for offer in [one for one in self.known.offers.values() if one.framework_id == framework_id]:
            if offer.role not in kept:
                self.rescind(offer)

    def forget_refusals(self, framework_id: str, roles: Collection[str] | None = None) -> None:
        """Of all roles, where none is named."""
        self.known.refusals = {
            who: there
            for who, there in self.known.refusals.items()
            if who[0] != framework_id or (roles is not None and who[1] not in roles)
        }

    def take(self, offer_ids: Iterable[str], framework_id: str) -> list[Offer]:
        """These offers are none any more; those of others, or of nobody, stay as they are."""
        found = [self.known.offers.get(offer_id) for offer_id in dict.fromkeys(offer_ids)]
        own = [offer for offer in found if offer is not None and offer.framework_id == framework_id]
        for offer in own:
            del self.known.offers[offer.id]
        return own

    def refuse(self, offers: Sequence[Offer], used: Resources, filters: Mapping[str, Any] | None, now: float) -> None:
        """What is left of offers is not offered again for a while. `offers` are of one agent and role."""
        if not offers:
            return
        who = offers[0].framework_id, offers[0].role, offers[0].agent_id
        left = subtract(total(offer.resources for offer in offers), used)
        refusal = Refusal(left, now + refuse_seconds(filters))
        self.known.refusals.setdefault(who, []).append(refusal)

    def _candidates(self) -> list[Candidate]:
        return [
            Candidate(framework.id, role, "GPU_RESOURCES" in framework.capabilities)
            for framework_id in self.known.streams
            if (framework := self.known.frameworks.get(framework_id)) is not None
            for role in framework.roles
            if role not in framework.suppressed
        ]

    def _announce(self, framework_id: str, offers: Sequence[Offer]) -> None:
        host, port = self.known.streams[framework_id].endpoint
        places = {agent_id: place for place, agent_id in enumerate(self.state.ledger.agents, 1)}
        plain = "MULTI_ROLE" not in self.known.frameworks[framework_id].capabilities
        rendered = [
            _rendered(
                offer, self.state.ledger.agents[offer.agent_id], f"/slave({places[offer.agent_id]})", (host, port)
            )
            for offer in offers
        ]
        told = [_for_one_role(offer) for offer in rendered] if plain else rendered
        self.telling.tell(framework_id, {"type": "OFFERS", "offers": {"offers": told}})


def _rendered(offer: Offer, agent: Agent, path: str, endpoint: tuple[str, int]) -> Json:
    """All agents are behind the cluster's one address, each under a path of its own."""
    host, port = endpoint
    rendered: Json = {
        "id": {"value": offer.id},
        "framework_id": {"value": offer.framework_id},
        "agent_id": {"value": agent.id},
        "hostname": agent.hostname,
        "url": {"scheme": "http", "address": {"hostname": host, "ip": host, "port": port}, "path": path},
        "resources": in_json(offer.resources, agent.role, offer.role),
    }
    if agent.attributes:
        rendered["attributes"] = [_attribute(name, value) for name, value in agent.attributes.items()]
    return {**rendered, "allocation_info": {"role": offer.role}}


def _for_one_role(offer: Json) -> Json:
    """A framework that knows no allocations is told of none."""
    resources = [{name: one[name] for name in one if name != "allocation_info"} for one in offer["resources"]]
    return {**{name: offer[name] for name in offer if name != "allocation_info"}, "resources": resources}


def _attribute(name: str, value: str) -> Json:
    if number(value) is not None:
        return {"name": name, "type": "SCALAR", "scalar": {"value": float(value)}}
    return {"name": name, "type": "TEXT", "text": {"value": value}}
