"""The event stream's format."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciprov.clients.marathon.sse import Unfinished, feed
from ciprov.domain.marathon import MarathonEvent

STREAM = (
    "\r\n: a comment\r\n"
    'event: deployment_success\r\ndata: {"eventType": "deployment_success", "id": "é1"}\r\n\r\n'
    'id: 7\nretry: 10\nevent: status_update_event\ndata: {"a":\ndata: 1}\n\n'
    "event: nonsense\ndata: not json\n\n"
    "event: listed\ndata: []\n\n"
    'data: {"eventType": "untitled"}\n\n'
    "event: cut off"
).encode()
EVENTS = [
    MarathonEvent("deployment_success", {"eventType": "deployment_success", "id": "é1"}),
    MarathonEvent("status_update_event", {"a": 1}),
    MarathonEvent("untitled", {"eventType": "untitled"}),
]


def read(pieces: list[bytes]) -> list[MarathonEvent]:
    state, found = Unfinished(), []
    for piece in pieces:
        state, events = feed(state, piece)
        found += events
    return found


def test_events_of_a_stream() -> None:
    assert read([STREAM]) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_it_does_not_matter_how_the_bytes_are_cut(cuts: list[int]) -> None:
    edges = sorted({0, *cuts, len(STREAM)})
    assert read([STREAM[a:b] for a, b in itertools.pairwise(edges)]) == EVENTS


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_of_the_standard(end: str) -> None:
    text = f"event: x{end}data: {json.dumps({'k': 'v'})}{end}{end}event: y{end}"
    assert read([text.encode()]) == [MarathonEvent("x", {"k": "v"})]
