"""Server-sent events: bytes in, events out. Pure, and indifferent to how the bytes are cut into pieces."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ciprov.domain.marathon import MarathonEvent


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What has come of a line and of an event so far."""

    line: bytes = b""
    type: str = ""
    data: tuple[str, ...] = ()


def feed(state: Unfinished, piece: bytes) -> tuple[Unfinished, list[MarathonEvent]]:
    """The events that `piece` completes. What is no JSON object or has no type is left out: events are hints only."""
    events: list[MarathonEvent] = []
    # A piece may end between the two characters of a line end, so a CR at the very end waits for what follows.
    text = state.line + piece
    held = b"\r" if text.endswith(b"\r") else b""
    *lines, rest = text.removesuffix(held).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    event_type, data = state.type, state.data
    for raw in lines:
        line = raw.decode("utf-8", "replace")
        if not line:
            event = _event(event_type, data)
            if event is not None:
                events.append(event)
            event_type, data = "", ()
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            event_type = value
        elif name == "data":
            data = (*data, value)
    return Unfinished(rest + held, event_type, data), events


def _event(event_type: str, data: tuple[str, ...]) -> MarathonEvent | None:
    try:
        document = json.loads("\n".join(data))
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    name = event_type or str(document.get("eventType", ""))
    return MarathonEvent(name, document) if name else None
