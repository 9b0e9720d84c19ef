"""Requests that are broken, endless or broken off: each gets its answer, and the embedded cluster bears them all."""

from __future__ import annotations

import base64
import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from marathon_http import MarathonApi, sleeper

from ciprov.wiring.localcluster import Descriptor, ensure_started, stop

pytestmark = pytest.mark.skipif(
    bool(os.environ.get("CIPROV_TEST_MARATHON")), reason="reads the log and the memory of a cluster of its own"
)

PATIENCE_SECONDS = 10.0
PATHS = (
    ("POST", "/v2/apps"),
    ("PUT", "/v2/apps/broken/a"),
    ("PATCH", "/v2/apps"),
    ("PUT", "/v2/groups/broken"),
    ("POST", "/v2/groups"),
    ("POST", "/v2/tasks/delete"),
)
BODIES = {
    "number beyond all floats": '{"id": "/broken/a", "cmd": "true", "instances": 1e400}',
    "no number": '{"id": "/broken/a", "cmd": "true", "cpus": NaN}',
    "integer of 5,000 digits": '{"id": "/broken/a", "cmd": "true", "instances": ' + "9" * 5000 + "}",
    "nested lists": "[" * 50_000 + "]" * 50_000,
    "nested objects": '{"a":' * 50_000 + "1" + "}" * 50_000,
    "nested groups": '{"id":"a","groups":[' * 900 + '{"id":"z"}' + "]}" * 900,
    "escaped nul": '{"id": "/broken/a", "cmd": "a\\u0000b", "env": {"A=B": "\\u0000"}, "ids": ["\\u0000"]}',
    "half a surrogate pair": '{"id": "/broken/a", "cmd": "true", "labels": {"\\udfff": "\\ud800"}}',
    "long id": '{"id": "/' + "a" * 200_000 + '", "cmd": "true", "instances": 0}',
    "moment before all time": '{"version": "0001-01-01T00:00:00+14:00"}',
    "moment after all time": '{"version": "9999-12-31T23:59:59-14:00"}',
    "growth without end": '{"scaleBy": 1e308}',
    "nulls": '{"id": null, "apps": [null], "groups": [null], "ids": [null]}',
    "a list of null": "[null]",
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Descriptor]:
    state = tmp_path_factory.mktemp("strangers") / "state"
    found = ensure_started(state)
    try:
        yield found
        log = Path(found.log).read_text()
        assert "Traceback" not in log, log[-3000:]
    finally:
        stop(state, purge=True)


@pytest.fixture(scope="module")
def api(running: Descriptor) -> MarathonApi:
    return MarathonApi(running.marathon, running.user, Path(running.credential_file).read_text().strip())


@pytest.fixture
def connect(running: Descriptor) -> Callable[[bytes], socket.socket]:
    """A connection that has sent bytes as they are; `AUTH` and `HOST` in them stand for the right values."""
    password = Path(running.credential_file).read_text().strip()
    basic = b"Basic " + base64.b64encode(f"{running.user}:{password}".encode())
    where = urlsplit(running.marathon)

    def connecting(data: bytes) -> socket.socket:
        there = socket.create_connection((where.hostname, where.port), timeout=PATIENCE_SECONDS)
        there.sendall(data.replace(b"AUTH", basic).replace(b"HOST", where.netloc.encode()))
        return there

    return connecting


@pytest.fixture
def send(connect: Callable[[bytes], socket.socket]) -> Callable[[bytes], bytes]:
    """Sends bytes as they are; gives the answer's first line."""

    def sending(data: bytes) -> bytes:
        with connect(data) as there:
            return there.recv(65536).partition(b"\r\n")[0]

    return sending


@pytest.mark.parametrize("name", BODIES)
def test_bodies(api: MarathonApi, name: str) -> None:
    for method, path in PATHS:
        answer = api.call(method, path, BODIES[name])
        assert answer.status_code in (200, 201, 400, 404, 409, 422), (method, path, answer.status_code)
        if answer.status_code >= 400:
            assert answer.json()["message"]
    api.delete("/v2/groups", force="true")


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2020-13-45T99:99:99Z"])
def test_moments_in_urls(api: MarathonApi, moment: str) -> None:
    assert api.get(f"/v2/groups/versions/{moment}").status_code == 422
    assert api.get(f"/v2/apps/none/versions/{moment}").status_code == 422


@pytest.mark.parametrize("path", [b"/v2/apps", b"/api/v1/scheduler"])
def test_body_that_is_too_long(send: Callable[[bytes], bytes], path: bytes) -> None:
    head = b"POST " + path + b" HTTP/1.1\r\nHost: HOST\r\nAuthorization: AUTH\r\nTransfer-Encoding: chunked\r\n\r\n"
    piece = b"%x\r\n%s\r\n" % (2**20, b" " * 2**20)
    assert b" 413 " in send(head + 17 * piece)


@pytest.mark.parametrize("authorization", [b"Authorization: AUTH\r\n", b""])
def test_broken_chunk(send: Callable[[bytes], bytes], authorization: bytes) -> None:
    head = b"POST /v2/apps HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n"
    assert b" 400 " in send(head + authorization + b"\r\nnonsense\r\n")


@pytest.mark.parametrize("path", [b"/v2/apps", b"/api/v1/scheduler"])
def test_body_that_breaks_off(api: MarathonApi, connect: Callable[[bytes], socket.socket], path: bytes) -> None:
    head = b"POST " + path + b" HTTP/1.1\r\nHost: HOST\r\nAuthorization: AUTH\r\n"
    connect(head + b"Content-Length: 500\r\n\r\n{").close()
    assert api.get("/ping").status_code == 200


@pytest.mark.parametrize(
    "data",
    [
        b"\x00" * 1000 + b"\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: HOST\r\nAuthorization: Basic \xff\xff\r\n\r\n",
        b"POST /v2/apps HTTP/1.1\r\nHost: HOST\r\nContent-Length: -5\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
def test_what_is_no_http(api: MarathonApi, send: Callable[[bytes], bytes], data: bytes) -> None:
    assert b" 40" in send(data)
    assert api.get("/ping").status_code == 200


def test_many_requests_at_once(running: Descriptor, api: MarathonApi) -> None:
    daemon = psutil.Process(running.pid)
    before = daemon.memory_info().rss
    password = Path(running.credential_file).read_text().strip()

    def one(number: int) -> int:
        alone = MarathonApi(running.marathon, running.user, password)
        calls = (("GET", "/v2/groups", None), ("POST", "/v2/apps", "{"), ("GET", "/v2/apps/none", None))
        return alone.call(*calls[number % 3]).status_code

    with ThreadPoolExecutor(32) as pool:
        assert set(pool.map(one, range(600))) == {200, 400, 404}
    assert daemon.memory_info().rss - before < 64 * 2**20
    assert daemon.num_fds() < 100


def test_readers_that_do_not_read(
    running: Descriptor, api: MarathonApi, connect: Callable[[bytes], socket.socket]
) -> None:
    """They cost a bounded queue each, and delay nobody."""
    daemon = psutil.Process(running.pid)
    before = daemon.memory_info().rss
    request = b"GET /v2/events HTTP/1.1\r\nHost: HOST\r\nAuthorization: AUTH\r\n\r\n"
    readers = [connect(request) for _ in range(10)]
    for number in range(50):
        body = {"apps": [sleeper("a", instances=0, labels={"x": "y" * 5000, "number": str(number)})]}
        answer = api.put("/v2/groups/broken", body)
        assert (answer.status_code, answer.elapsed.total_seconds() < 1) == (200, True)
    assert daemon.memory_info().rss - before < 64 * 2**20
    for each in readers:
        each.close()
    api.delete("/v2/groups/broken", force="true")
