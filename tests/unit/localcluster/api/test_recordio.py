"""RecordIO: what was written is read again, however it is cut into pieces."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciprov.localcluster.api.recordio import BadRecord, record, records


def test_a_record() -> None:
    assert record({"a": "ü"}) == b'14\n{"a":"\\u00fc"}'


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3), max_size=8), st.integers(1, 9))
def test_round_trip_in_any_pieces(messages: list[dict[str, str]], size: int) -> None:
    stream = b"".join(record(message) for message in messages)
    found: list[bytes] = []
    pending = b""
    for start in range(0, len(stream), size):
        more, pending = records(pending, stream[start : start + size])
        found += more
    assert [json.loads(each) for each in found] == messages
    assert pending == b""


@pytest.mark.parametrize("stream", [b"x\n{}", b"-1\n{}", b"99999999999\n", b"1" * 30, b"\n"])
def test_what_is_no_recordio_is_refused(stream: bytes) -> None:
    with pytest.raises(BadRecord):
        records(b"", stream)
