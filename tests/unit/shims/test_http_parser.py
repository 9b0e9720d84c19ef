"""The parser that stands in for http-parser, driven the way pymesos drives it."""

import pytest
from http_parser.http import HttpParser
from hypothesis import given
from hypothesis import strategies as st

HEAD = b"HTTP/1.1 200 OK\r\nMesos-Stream-Id: abc\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def test_nothing_is_known_before_the_headers_are_complete():
    parser = HttpParser()
    assert parser.execute(HEAD[:20], 20) == 20
    assert not parser.is_headers_complete()
    assert parser.get_status_code() == 0
    assert parser.get_headers() == {}


def test_a_chunked_stream_gives_its_body_as_it_comes():
    parser = HttpParser()
    data = HEAD + chunk(b"20\n") + chunk(b"hello")
    assert parser.execute(data, len(data)) == len(data)
    assert parser.is_headers_complete()
    assert parser.get_status_code() == 200
    assert parser.is_chunked()
    assert {k.upper(): v for k, v in parser.get_headers().items()}["MESOS-STREAM-ID"] == "abc"
    assert parser.is_partial_body()
    assert parser.recv_body() == b"20\nhello"
    assert not parser.is_partial_body()
    assert not parser.is_message_complete()
    parser.execute(b"0\r\n\r\n", 5)
    assert parser.is_message_complete()


def test_an_error_answer_with_a_length_is_complete():
    parser = HttpParser()
    data = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno"
    parser.execute(data, len(data))
    assert (parser.get_status_code(), parser.is_chunked(), parser.recv_body()) == (401, False, b"no")
    assert parser.is_message_complete()


@pytest.mark.parametrize("garbage", [b"SSH-2.0-x\r\n\r\n", HEAD + b"zz\r\n"])
def test_malformed_input_is_refused_and_stays_so(garbage):
    parser = HttpParser()
    assert parser.execute(garbage, len(garbage)) == 0
    assert parser.get_errno() == 1
    assert parser.execute(b"x", 1) == 0


def test_there_is_no_errno_attribute_for_pymesos_to_mistake_it_for_the_python_parser():
    assert not hasattr(HttpParser(), "errno")


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=8), st.integers(1, 30))
def test_how_the_bytes_are_cut_changes_nothing(bodies, size):
    data = HEAD + b"".join(chunk(body) for body in bodies) + b"0\r\n\r\n"
    parser = HttpParser()
    for start in range(0, len(data), size):
        piece = data[start : start + size]
        assert parser.execute(piece, len(piece)) == len(piece)
    assert parser.recv_body() == b"".join(bodies)
    assert parser.is_message_complete()
