"""The Marathon client against a server on loopback that misbehaves as networks and proxies do."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ciprov.clients.connection import Connection
from ciprov.clients.marathon.client import HttpMarathon
from ciprov.clients.marathon.events import Pauses
from ciprov.clients.marathon.transport import Retries
from ciprov.domain.marathon import MarathonError, MarathonEvent, MarathonUnavailable

Answer = Callable[[BaseHTTPRequestHandler], None]
QUICK = Retries(rounds=3, first_pause=0.01, longest_pause=0.02)
PAUSES = Pauses(silence=0.5, first=0.01, longest=0.05)


class Server:
    """Answers each request with the next of `answers`, the last one for ever. Keeps what was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        remaining = list(answers)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.asked.append(f"{self.command} {self.path}")
                outer.headers.append(dict(self.headers))
                outer.bodies.append(self.rfile.read(int(self.headers.get("content-length") or 0)))
                (remaining.pop(0) if len(remaining) > 1 else remaining[0])(self)

            do_PUT = do_DELETE = do_GET

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"


@contextmanager
def serving(*answers: Answer) -> Iterator[Server]:
    server = Server(*answers)
    threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()


def answer(document: Any, status: int = 200, **headers: str) -> Answer:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | headers).items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return send


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def sleep(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(3)


def cut_short(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"name": "mara')
    hang_up(handler)


def client(*servers: str, **settings: Any) -> HttpMarathon:
    connection = Connection("faulty", servers, connect_timeout=1, read_timeout=0.3, **settings)
    return HttpMarathon(connection, retries=QUICK, pauses=PAUSES)


def refused() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.mark.parametrize("fault", [hang_up, sleep, cut_short, answer({"message": "no leader"}, 503)])
def test_a_read_is_tried_again(fault: Answer) -> None:
    with serving(fault, answer({"name": "marathon"})) as server:
        assert client(server.url).info() == {"name": "marathon"}
        assert len(server.asked) == 2


def test_reading_ends_after_some_rounds_and_names_the_address() -> None:
    with serving(answer({"message": "Could not find a leader"}, 503)) as server:
        with pytest.raises(MarathonUnavailable, match="Could not find a leader") as told:
            client(server.url).info()
        assert len(server.asked) == QUICK.rounds
    assert told.value.place == f"GET {server.url}/v2/info"


def test_a_read_goes_to_the_next_server_and_stays_there() -> None:
    with serving(answer({"name": "marathon"})) as good, serving(answer({}, 503)) as bad:
        both = client(bad.url, good.url)
        both.info()
        both.info()
        assert len(bad.asked) == 1
        assert len(good.asked) == 2


@pytest.mark.parametrize("fault", [hang_up, sleep, cut_short, answer({}, 503)])
def test_a_write_of_unknown_fate_is_never_sent_again(fault: Answer) -> None:
    with serving(fault) as first, serving(answer({"deploymentId": "d", "version": "v"})) as second:
        with pytest.raises(MarathonUnavailable, match="unknown"):
            client(first.url, second.url).put_group("/ciprov/x", {"apps": []})
        assert len(first.asked) == 1
        assert second.asked == []


def test_a_write_that_found_no_connection_goes_to_the_next_server() -> None:
    with serving(answer({"deploymentId": "d", "version": "v"})) as server:
        ref = client(refused(), server.url).put_group("/ciprov/x", {"apps": []})
        assert (ref.id, ref.version) == ("d", "v")
        assert server.asked == ["PUT /v2/groups/ciprov/x?force=false"]


def test_nobody_there_is_told_in_words_of_the_operating_system() -> None:
    url = refused()
    with pytest.raises(MarathonUnavailable, match="Connection refused") as told:
        client(url).delete_app("/a")
    assert url in told.value.place
    assert "config show" in told.value.way_out


def test_an_unknown_host_is_unavailable() -> None:
    with pytest.raises(MarathonUnavailable, match="no connection"):
        client("http://no-such-host.invalid").info()


def test_a_redirected_write_is_refused_instead_of_becoming_a_read() -> None:
    with (
        serving(answer({"deploymentId": "d", "version": "v"})) as elsewhere,
        serving(answer({}, 302, Location=elsewhere.url)) as server,
    ):
        with pytest.raises(MarathonError, match="redirect"):
            client(server.url).put_app("/a", {"cmd": "true"})
        assert elsewhere.asked == []


@pytest.mark.parametrize("page", [b"<html>log in</html>", b"[1, 2]", b""])
def test_something_that_is_no_marathon_is_told_apart(page: bytes) -> None:
    with serving(answer(page, Content_Type="text/html")) as server, pytest.raises(MarathonError, match="answer"):
        client(server.url).group("/x")


def test_what_is_missing_is_none_or_empty() -> None:
    with serving(answer({"message": "no"}, 404)) as server:
        missing = client(server.url)
        assert missing.group("/x") is None
        assert missing.app("/x/a") is None
        assert missing.tasks("/x/a") == []
        missing.cancel_deployment("d")


def test_the_path_prefix_of_the_address_is_kept_and_credentials_are_sent() -> None:
    with serving(answer({"apps": []})) as server:
        client(server.url + "/service/marathon/", user="ann", password="secret").apps()
        client(server.url + "/prefix", token="t0k3n").apps()
        assert server.asked == ["GET /service/marathon/v2/apps", "GET /prefix/v2/apps"]
        assert [headers["Authorization"] for headers in server.headers] == ["Basic YW5uOnNlY3JldA==", "token=t0k3n"]


def test_no_error_holds_a_credential() -> None:
    for fault in (hang_up, answer({"message": "no"}, 401), answer({"message": "no"}, 500)):
        with serving(fault) as server:
            with pytest.raises(MarathonError) as told:
                client(server.url, user="ann", password="hunter2").put_app("/a", {"env": {"PASSWORD": "hunter2"}})
            assert "hunter2" not in str(told.value)
            assert "hunter2" not in repr(told.value)


def test_a_proxy_of_the_environment_is_not_asked_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", refused())
    with serving(answer({"name": "marathon"})) as server:
        assert client(server.url).info() == {"name": "marathon"}


# The event stream


def stream(*pieces: bytes, chunked: bool = True, then: Answer = hang_up) -> Answer:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream;charset=utf-8")
        handler.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Connection", "close")))
        handler.end_headers()
        for piece in pieces:
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            handler.wfile.flush()
        then(handler)

    return send


def event(number: int) -> bytes:
    return b'event: deployment_success\r\ndata: {"id": "%d"}\r\n\r\n' % number


class Woken:
    def __init__(self) -> None:
        self.events: list[MarathonEvent] = []
        self.changed = threading.Condition()

    def __call__(self, seen: MarathonEvent) -> None:
        with self.changed:
            self.events.append(seen)
            self.changed.notify_all()

    def wait_for(self, count: int) -> list[str]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.events) >= count, timeout=10)
            return [seen.data["id"] for seen in self.events]


@pytest.mark.parametrize("chunked", [True, False])
def test_each_event_wakes_at_once_while_the_stream_stays_open(chunked: bool) -> None:
    woken = Woken()
    with (
        serving(stream(event(1), event(2)[:9], event(2)[9:], chunked=chunked, then=sleep)) as server,
        client(server.url).events(["deployment_success"], woken),
    ):
        assert woken.wait_for(2) == ["1", "2"]
        assert server.asked == ["GET /v2/events?event_type=deployment_success"]


@pytest.mark.parametrize("ending", [hang_up, sleep, lambda handler: None])
def test_a_stream_that_breaks_or_falls_silent_is_opened_anew(ending: Answer) -> None:
    woken = Woken()
    with (
        serving(stream(event(1), then=ending), answer({}, 503), hang_up, stream(event(2), then=sleep)) as server,
        client(server.url).events([], woken),
    ):
        assert woken.wait_for(2) == ["1", "2"]


def test_events_of_other_types_wake_nobody() -> None:
    woken = Woken()
    other = b'event: other\ndata: {"id": "0"}\n\n'
    with (
        serving(stream(other, event(1), then=sleep)) as server,
        client(server.url).events(["deployment_success"], woken),
    ):
        assert woken.wait_for(1) == ["1"]


def test_leaving_ends_the_stream_promptly() -> None:
    woken = Woken()
    quiet = HttpMarathon(Connection("c", [""]))
    with serving(stream(event(1), then=lambda handler: time.sleep(5))) as server:
        quiet = HttpMarathon(Connection("c", [server.url], read_timeout=60), pauses=Pauses(silence=60))
        before = threading.active_count()
        with quiet.events([], woken):
            woken.wait_for(1)
            left = time.monotonic()
        assert time.monotonic() - left < 0.4
        assert "marathon events" not in {thread.name for thread in threading.enumerate()}
        assert threading.active_count() <= before + 1


def test_the_stream_follows_to_the_leader_without_handing_out_credentials() -> None:
    woken = Woken()
    with (
        serving(stream(event(1), then=sleep)) as leader,
        serving(answer({}, 307, Location=f"{leader.url}/v2/events")) as other,
        client(other.url, user="ann", password="secret").events([], woken),
    ):
        assert woken.wait_for(1) == ["1"]
        assert "Authorization" in other.headers[0]
        assert "Authorization" not in leader.headers[0]


def test_with_nobody_there_it_neither_fails_nor_spins() -> None:
    woken = Woken()
    with client(refused()).events([], woken):
        time.sleep(0.3)
    assert woken.events == []
