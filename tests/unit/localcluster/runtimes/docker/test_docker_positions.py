"""Output that is copied on after breaks, wherever they come."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ciprov.localcluster.runtimes.docker.positions import Position, Resuming, decode, encode, since


def stamp(number: int) -> str:
    return f"2026-01-02T03:04:05.{number:09}Z"


@st.composite
def outputs(draw: st.DrawFn) -> list[tuple[int, bytes]]:
    """Entries with their times, of which several may share one."""
    steps = draw(st.lists(st.tuples(st.integers(0, 2), st.binary(min_size=1, max_size=5)), min_size=1, max_size=12))
    moment, entries = 0, []
    for step, content in steps:
        moment += step
        entries.append((moment, content))
    return entries


def copied(entries: list[tuple[int, bytes]], file: bytes, resuming: Resuming) -> bytes:
    for moment, content in entries:
        file += resuming.fresh(stamp(moment).encode() + b" " + content)
    return file


@settings(max_examples=60)
@given(outputs(), st.data())
def test_nothing_is_lost_or_doubled(entries: list[tuple[int, bytes]], data: st.DataObject) -> None:
    whole = b"".join(content for _, content in entries)
    noted = data.draw(st.integers(0, len(entries)))
    first = Resuming(Position(), 0)
    file = copied(entries[:noted], b"", first)
    position = first.position
    # The daemon dies some time after its last note, perhaps in the middle of an entry.
    file = whole[: data.draw(st.integers(len(file), len(whole)))]
    assert copied(entries, file, Resuming(position, len(file))) == whole


def test_what_the_engine_dropped_takes_nothing_of_the_rest_with_it() -> None:
    resuming = Resuming(Position(stamp(1), 0), 6)
    assert copied([(5, b"new\n"), (6, b"newer\n")], b"1\n2\n3\n", resuming) == b"1\n2\n3\nnew\nnewer\n"
    assert resuming.position == Position(stamp(6), 10)


def test_a_note_is_read_as_it_was_written_and_a_broken_one_begins_anew() -> None:
    positions = {1: Position(stamp(7), 5), 2: Position()}
    assert decode(encode(positions)) == positions
    assert [decode(text) for text in ("", "[]", '{"1": 2}', '{"x": ["a", 1]}')] == [{}] * 4
    assert (since(positions), since({}), since({1: Position()})) == (1767323044, 0, 0)


def test_a_clock_that_is_set_back_costs_no_output() -> None:
    resuming = Resuming(Position(), 0)
    assert copied([(7, b"before\n"), (3, b"after\n")], b"", resuming) == b"before\nafter\n"
    assert resuming.position == Position(stamp(3), 7)
