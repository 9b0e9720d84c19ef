"""Offers from the JSON of Mesos' v1 scheduler API, with reservations in the old and in the refined form."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ciprov.foundation.errors import CiprovError
from ciprov.foundation.json import JsonObject
from ciprov.framework.offers import UNRESERVED, Offer, Part, Unavailability
from ciprov.framework.resources import merged, shown, size, thousandths

_ODD = (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError)
_REPEATED = ("role", "reservations", "reservation", "allocation_info", "provider_id")


class OfferUnreadable(CiprovError):
    """An offer that is not as Mesos makes them. `offer_id` is empty where not even that could be read."""

    def __init__(self, message: str, *, offer_id: str = "") -> None:
        super().__init__(
            message,
            place=f"offer {offer_id}" if offer_id else "an offer",
            way_out="Is this a Mesos master of version 1.4 or later?",
        )
        self.offer_id = offer_id


def parse_offer(offer: JsonObject) -> Offer:
    """One element of `offers.offers` of an OFFERS event; raises `OfferUnreadable`."""
    offer_id = ""
    try:
        offer_id = _text(offer["id"]["value"])
        usable = [(resource, _left_alone(resource)) for resource in offer.get("resources", ())]
        return Offer(
            id=offer_id,
            agent_id=_text(offer["agent_id"]["value"]),
            hostname=_text(offer["hostname"]),
            role=_text(offer.get("allocation_info", {}).get("role", UNRESERVED)),
            parts=tuple(_part(resource) for resource, reason in usable if not reason),
            attributes=_attributes(offer.get("attributes", ())),
            unavailability=_unavailability(offer["unavailability"]) if offer.get("unavailability") else None,
            left_alone=tuple(f"{resource['name']}: {reason}" for resource, reason in usable if reason),
        )
    except _ODD as error:
        raise _unreadable(error, str(offer_id)) from error


def inverse_offer_id(inverse: JsonObject) -> str:
    """Empty where it cannot be read."""
    try:
        return _text(inverse["id"]["value"])
    except _ODD:
        return ""


def _unavailability(value: Mapping[str, Any]) -> Unavailability:
    start = datetime.fromtimestamp(int(value["start"]["nanoseconds"]) / 1e9, UTC)
    if "duration" not in value:
        return Unavailability(start)
    return Unavailability(start, timedelta(microseconds=int(value["duration"]["nanoseconds"]) // 1000))


def _unreadable(error: Exception, offer_id: str) -> OfferUnreadable:
    what = f"the field {error} is missing" if isinstance(error, KeyError) else str(error)
    return OfferUnreadable(f"cannot be read: {what}", offer_id=offer_id)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text is expected instead of {value!r}")
    return value


def _part(resource: JsonObject) -> Part:
    origin = {key: resource[key] for key in _REPEATED if key in resource}
    name = _text(resource["name"])
    reserved_for = _reserved_for(resource)
    if resource["type"] == "SCALAR":
        return Part(name, thousandths(resource["scalar"]["value"]), reserved_for=reserved_for, origin=origin)
    if resource["type"] == "RANGES":
        ranges = merged((int(r["begin"]), int(r["end"])) for r in resource["ranges"].get("range", ()))
        return Part(name, size(ranges), ranges=ranges, reserved_for=reserved_for, origin=origin)
    if resource["type"] == "SET":
        items = tuple(map(_text, resource["set"].get("item", ())))
        return Part(name, len(items), items=items, reserved_for=reserved_for, origin=origin)
    raise ValueError(f"{name} is of the unknown type {resource['type']}")


def _reserved_for(resource: JsonObject) -> str:
    stack = resource.get("reservations")
    return str(stack[-1]["role"] if stack else resource.get("role", UNRESERVED))


def _left_alone(resource: JsonObject) -> str:
    """Why no task may use a resource, or nothing. What is reserved with labels was reserved for a purpose."""
    if "revocable" in resource:
        return "revocable"
    disk = resource.get("disk", {})
    if "persistence" in disk:
        return "a persistent volume"
    if "source" in disk:
        return "a disk of its own"
    reservations = [*resource.get("reservations", ()), resource.get("reservation", {})]
    if any(reservation.get("labels", {}).get("labels") for reservation in reservations):
        return "reserved with labels"
    return ""


def _attributes(attributes: Any) -> dict[str, tuple[str, ...]]:
    """By name. A name may come several times: then it has all these values."""
    result: dict[str, tuple[str, ...]] = {}
    for attribute in attributes:
        name = _text(attribute["name"])
        result[name] = (*result.get(name, ()), *_values(attribute))
    return result


def _values(attribute: JsonObject) -> tuple[str, ...]:
    match attribute["type"]:
        case "SCALAR":
            return (shown(thousandths(attribute["scalar"]["value"])),)
        case "TEXT":
            return (_text(attribute["text"]["value"]),)
        case "SET":
            return tuple(sorted(map(_text, attribute["set"].get("item", ()))))
        case "RANGES":
            return tuple(f"{int(r['begin'])}-{int(r['end'])}" for r in attribute["ranges"].get("range", ()))
        case unknown:
            raise ValueError(f"the attribute {attribute['name']} is of the unknown type {unknown}")
