"""The agent service's listeners on real sockets: who may ask what, and what one who asks may take."""

import contextlib
import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent_snapshots import REFUSAL, TOKEN, HandControl

from ciprov.agents.view.control import Requested
from ciprov.foundation.errors import CiprovError
from ciprov.web.agents import bounds
from ciprov.web.agents.listeners import Listeners, Where, bind, serve
from ciprov.wiring.agents_metrics import Metrics

API_TOKEN = "api-token"


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("service", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(str(self._path))


def asked(connection: http.client.HTTPConnection, method: str, path: str, body=None, token: str = ""):
    """Status, body (JSON where it is), headers."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    with contextlib.closing(connection):
        connection.request(method, path, data, headers)
        answer = connection.getresponse()
        content = answer.read()
        with contextlib.suppress(ValueError):
            return answer.status, json.loads(content), answer.headers
        return answer.status, content.decode(), answer.headers


@pytest.fixture
def control() -> HandControl:
    return HandControl()


@pytest.fixture
def where(tmp_path: Path) -> Where:
    return Where(tmp_path / "agents" / "local.sock", ("127.0.0.1", 0), API_TOKEN, open_metrics=True)


@pytest.fixture
def listeners(control: HandControl, where: Where) -> Iterator[Listeners]:
    running = serve(control, where, Metrics())
    yield running
    running.stop()


@pytest.fixture
def over_tcp(listeners: Listeners):
    address = listeners.address()
    assert address is not None
    return lambda *words, **more: asked(http.client.HTTPConnection(*address, timeout=10), *words, **more)


@pytest.fixture
def over_unix(listeners: Listeners):
    return lambda *words, **more: asked(UnixConnection(listeners.socket), *words, **more)


class TestAgentsAndPipelines:
    def test_an_agent_tells_that_it_works(self, control, over_tcp):
        status, body, headers = over_tcp(
            "POST", "/v1/agents/linux-1/busy", {"entries": ["app", "app@tmp"]}, token=TOKEN
        )
        assert (status, body) == (204, "")
        assert headers["Connection"] == "close"
        assert control.asked == [("signal", "linux-1", ("app", "app@tmp"))]

    def test_a_wrong_token_and_an_agent_that_there_is_not_are_answered_alike(self, over_tcp):
        answers = [
            over_tcp("POST", f"/v1/agents/{name}/busy", {"entries": []}, token=token)
            for name, token in (("linux-1", "wrong"), ("linux-2", TOKEN), ("never-was", TOKEN))
        ]
        told = [
            (status, body, headers["WWW-Authenticate"], headers["Content-Length"]) for status, body, headers in answers
        ]
        assert set(map(str, told)) == {str(told[0])}
        assert told[0][0] == 401

    def test_without_a_token_nothing_is_asked(self, control, over_tcp):
        assert over_tcp("POST", "/v1/agents/linux-1/busy", {"entries": []})[0] == 401
        assert over_tcp("POST", "/v1/requests", {"template": "gpu"})[0] == 401
        assert control.asked == []

    def test_what_is_not_there_is_told_with_the_same_words_everywhere(self, over_tcp):
        asked_for = [
            ("GET", "/v1/agents/linux-1/busy"),
            ("GET", "/v1/agents/linux-1"),
            ("POST", "/v1/agents/linux-1/kill"),
            ("GET", "/v1/requests"),
            ("GET", "/v1/status"),
            ("POST", "/v1/drain"),
            ("GET", "/"),
        ]
        answers = [over_tcp(method, path) for method, path in asked_for]
        assert {(status, str(body)) for status, body, _ in answers} == {(404, "{'message': 'there is nothing here'}")}

    def test_a_pipeline_asks_for_an_agent(self, control, over_tcp):
        status, body, _ = over_tcp("POST", "/v1/requests", {"template": "gpu", "label": "mine"}, token=API_TOKEN)
        assert (status, body) == (201, {"label": "mine", "agent": "gpu-9", "template": "gpu"})
        assert control.asked == [("request", "gpu", "mine")]

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({"template": "cpu"}, "there is no template cpu"),
            ({}, "`template` is to name a template"),
            ({"template": 5}, "`template` is to be a text"),
            ({"templat": "gpu"}, "templat: no such key; there are: template, label"),
            (b"[1]", "the body is no JSON object"),
            (b"{", "the body is no JSON"),
            (b"[" * 15000, "the body is no JSON"),
            (b"\xff\xfe", "the body is no JSON"),
        ],
    )
    def test_a_wrong_request_is_told_what_is_wrong(self, over_tcp, body, message):
        status, answer, _ = over_tcp("POST", "/v1/requests", body, token=API_TOKEN)
        assert (status, answer["message"]) == (400, message)

    def test_entries_are_texts(self, control, over_tcp):
        for entries in ("app", [1], {"a": "b"}):
            assert over_tcp("POST", "/v1/agents/linux-1/busy", {"entries": entries}, token=TOKEN)[0] == 400
        assert control.asked == []

    @pytest.mark.parametrize("token", ["", "wrong", API_TOKEN + "x", API_TOKEN[:-1], "é"])
    def test_only_the_api_token_makes_agents(self, control, over_tcp, token):
        assert over_tcp("POST", "/v1/requests", {"template": "gpu"}, token=token.encode().decode("latin-1"))[0] == 401
        assert control.asked == []

    def test_a_refusal_of_the_service_is_passed_on(self, control, over_tcp):
        control.failure = REFUSAL
        status, answer, _ = over_tcp("POST", "/v1/requests", {"template": "gpu"}, token=API_TOKEN)
        assert (status, answer["message"], answer["way_out"]) == (409, "the store is away", "bring it back")

    def test_a_fault_tells_strangers_nothing(self, control, over_tcp):
        control.failure = RuntimeError("secret things")
        status, answer, _ = over_tcp("POST", "/v1/requests", {"template": "gpu"}, token=API_TOKEN)
        assert (status, answer) == (500, {"message": "the service has a fault; its log has the details"})
        control.failure = None
        assert over_tcp("POST", "/v1/requests", {"template": "gpu"}, token=API_TOKEN)[0] == 201

    def test_metrics(self, over_tcp):
        status, text, headers = over_tcp("GET", "/metrics")
        assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert 'ciprov_agents{phase="busy",template="linux"} 1.0' in text


def test_without_an_api_token_and_open_metrics_neither_is_there(control, tmp_path):
    listeners = serve(control, Where(tmp_path / "agents" / "a.sock", ("127.0.0.1", 0)), Metrics())
    try:
        for method, path in (("POST", "/v1/requests"), ("GET", "/metrics")):
            status, body, _ = asked(
                http.client.HTTPConnection(*listeners.address(), timeout=10),
                method,
                path,
                {"template": "gpu"},
                token="x",
            )
            assert (status, body) == (404, {"message": "there is nothing here"})
        assert asked(UnixConnection(listeners.socket), "GET", "/metrics")[0] == 200
    finally:
        listeners.stop()


class TestBounds:
    def test_a_body_beyond_its_bound_is_refused_before_it_is_read(self, control, over_tcp, listeners):
        body = {"entries": ["x" * 20_000]}
        assert over_tcp("POST", "/v1/agents/linux-1/busy", body, token=TOKEN)[0] == 413
        # One without a length is cut where the bound is.
        with socket.create_connection(listeners.address(), timeout=10) as raw:
            raw.sendall(
                b"POST /v1/agents/linux-1/busy HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n"
            )
            with contextlib.suppress(OSError):
                for _ in range(1000):
                    raw.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            with contextlib.suppress(OSError):
                assert raw.recv(65536).startswith(b"HTTP/1.1 413")
        assert control.asked == []
        assert over_tcp("GET", "/nowhere")[0] == 404

    def test_headers_beyond_their_bound_are_refused(self, listeners, over_tcp):
        with socket.create_connection(listeners.address(), timeout=10) as raw:
            raw.sendall(b"POST /v1/requests HTTP/1.1\r\nX: " + b"x" * 20_000)
            with contextlib.suppress(OSError):
                assert raw.recv(65536).startswith(b"HTTP/1.1 400")
        assert over_tcp("GET", "/nowhere")[0] == 404

    def test_one_address_gets_only_so_many_connections_and_others_go_on(self, listeners, over_tcp, over_unix):
        with contextlib.ExitStack() as held:
            for _ in range(bounds.FOR_AGENTS.by_peer):
                held.enter_context(socket.create_connection(listeners.address(), timeout=10))
            extra = held.enter_context(socket.create_connection(listeners.address(), timeout=10))
            extra.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                assert extra.recv(1) == b""
            assert over_unix("GET", "/v1/status")[0] == 200
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if over_tcp("GET", "/nowhere")[0] == 404:
                    return
        pytest.fail("connections that ended still count")

    def test_who_is_slow_is_cut(self, control, tmp_path, monkeypatch):
        quick = bounds.Bounds(seconds=0.3, connections=8, by_peer=8)
        monkeypatch.setattr("ciprov.web.agents.listeners.FOR_AGENTS", quick)
        listeners = serve(control, Where(tmp_path / "agents" / "a.sock", ("127.0.0.1", 0), API_TOKEN))
        beginnings = (
            b"",
            b"POST /v1/requests HTTP/1.1\r\nX: ",
            b"POST /v1/agents/a/busy HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nContent-Length: 9\r\n\r\n{",
        )
        try:
            for beginning in beginnings:
                with socket.create_connection(listeners.address(), timeout=10) as raw:
                    raw.sendall(beginning)
                    began = time.monotonic()
                    with contextlib.suppress(ConnectionResetError):
                        while raw.recv(65536):
                            pass
                    assert time.monotonic() - began < 5
        finally:
            listeners.stop()


class TestTheCommandLine:
    def test_it_sees_all(self, over_unix):
        assert over_unix("GET", "/v1/status")[1]["framework_id"] == "F-1"
        assert over_unix("GET", "/v1/why?label=linux")[1]["expression"] == "linux"
        assert over_unix("GET", "/v1/agents/linux-1")[1]["job"] == "folder/app"
        assert [one["template"] for one in over_unix("GET", "/v1/templates")[1]["templates"]] == ["linux", "gpu", "arm"]
        assert "ciprov_agents_peer_up" in over_unix("GET", "/metrics")[1]

    def test_it_steers(self, control, over_unix):
        for path, body in (
            ("drain", {"templates": ["linux", "gpu"]}),
            ("drain", {"all": True}),
            ("undrain", {"templates": ["linux"]}),
            ("resume", {"templates": ["gpu"]}),
            ("kill", {"agents": ["linux-1"]}),
            ("reload", None),
            ("requests", {"template": "gpu"}),
        ):
            assert over_unix("POST", f"/v1/{path}", body)[0] in {200, 201}
        assert control.asked == [
            ("drain", "linux", "gpu"),
            ("drain", "arm", "gpu", "linux"),
            ("undrain", "linux"),
            ("resume", "gpu"),
            ("kill", "linux-1"),
            ("reload",),
            ("request", "gpu", ""),
        ]

    def test_it_is_told_what_is_wrong(self, control, over_unix):
        assert over_unix("POST", "/v1/drain", {})[0] == 400
        assert over_unix("POST", "/v1/kill", {})[0] == 400
        assert over_unix("GET", "/v1/agents/never-was")[1]["usage"] is True
        control.failure = REFUSAL
        status, body, _ = over_unix("POST", "/v1/reload")
        assert (status, body) == (
            409,
            {"message": "the store is away", "place": "zk://here", "way_out": "bring it back", "usage": False},
        )


class TestTheSocket:
    def test_only_its_owner_may_use_it(self, listeners):
        assert stat.S_IMODE(listeners.socket.stat().st_mode) == 0o600
        assert stat.S_IMODE(listeners.socket.parent.stat().st_mode) == 0o700

    def test_a_directory_that_was_open_is_closed(self, control, where):
        where.socket.parent.mkdir(mode=0o777)
        bind(where).stop()
        assert stat.S_IMODE(where.socket.parent.stat().st_mode) == 0o700

    def test_a_living_service_is_not_replaced(self, listeners, where, over_unix):
        with pytest.raises(CiprovError, match=rf"runs already on this machine \(process {os.getpid()}\)"):
            bind(where)
        assert over_unix("GET", "/v1/status")[0] == 200

    def test_the_socket_of_a_dead_one_is_replaced(self, control, where):
        program = (
            "import os, sys; from pathlib import Path; from ciprov.web.agents.listeners import Where, bind;"
            "bind(Where(Path(sys.argv[1]))); os.kill(os.getpid(), 9)"
        )
        died = subprocess.run([sys.executable, "-c", program, str(where.socket)], timeout=30, check=False)
        assert died.returncode == -signal.SIGKILL
        assert where.socket.is_socket()
        listeners = serve(control, where)
        assert asked(UnixConnection(where.socket), "GET", "/v1/status")[0] == 200
        listeners.stop()
        assert not where.socket.exists()
        listeners.stop()

    def test_what_is_no_socket_is_left_alone(self, where):
        where.socket.parent.mkdir()
        where.socket.write_text("precious")
        with pytest.raises(CiprovError, match="there is something else"):
            bind(where)
        assert where.socket.read_text() == "precious"
        where.socket.unlink()
        bind(where).stop()

    def test_a_path_that_is_too_long_is_told(self, tmp_path):
        with pytest.raises(CiprovError, match="more than 107 bytes"):
            bind(Where(tmp_path / ("x" * 120) / "a.sock"))

    def test_who_connects_before_it_serves_waits(self, control, where):
        listeners = bind(where)
        early = UnixConnection(listeners.socket)
        early.request("GET", "/v1/status")
        listeners.serve(control)
        assert early.getresponse().status == 200
        early.close()
        listeners.stop()


def test_an_address_that_is_taken_is_told_and_the_socket_given_back(control, listeners, tmp_path):
    taken = Where(tmp_path / "agents" / "b.sock", listeners.address())
    with pytest.raises(CiprovError, match="Address already in use") as error:
        serve(control, taken)
    assert f"127.0.0.1:{listeners.address()[1]}" in error.value.place
    assert not taken.socket.exists()
    bind(Where(taken.socket)).stop()


def test_signals_are_left_alone_and_all_threads_end(control, where):
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    threads = set(threading.enumerate())
    listeners = serve(control, where)
    assert {one: signal.getsignal(one) for one in before} == before
    idle = socket.create_connection(listeners.address())
    began = time.monotonic()
    listeners.stop()
    assert time.monotonic() - began < 5
    idle.close()
    assert [one for one in threading.enumerate() if one not in threads and one.is_alive()] == []


def test_a_tasks_secrets_are_given_for_its_ticket_alone(over_tcp) -> None:
    assert over_tcp("HEAD", "/v1/agents/a1/secrets/ticket")[0] == 405
    status, text, headers = over_tcp("GET", "/v1/agents/a1/secrets/ticket")
    assert (status, text, headers["Cache-Control"]) == (200, "A=1\n", "no-store")
    for path in ("/v1/agents/a1/secrets/other", "/v1/agents/a2/secrets/ticket"):
        assert over_tcp("GET", path)[0] == 404


def test_tasks_get_their_secrets_while_everybody_waits_for_agents(tmp_path: Path) -> None:
    """As where the store is away for a while: the loop then answers nobody."""
    let, asking = threading.Event(), threading.Semaphore(0)

    class Stuck(HandControl):
        def request(self, template: str, label: str = "") -> Requested:
            asking.release()
            assert let.wait(10)
            return Requested(label, "gpu-9", template)

    listeners = serve(Stuck(), Where(tmp_path / "agents" / "a.sock", ("127.0.0.1", 0), API_TOKEN))
    address = listeners.address()
    assert address is not None
    body = json.dumps({"template": "gpu"})
    waiting = [http.client.HTTPConnection(*address, timeout=10) for _ in range(45)]
    try:
        for one in waiting:
            one.request("POST", "/v1/requests", body, {"Authorization": f"Bearer {API_TOKEN}"})
        for _ in range(40):
            assert asking.acquire(timeout=10)
        connection = http.client.HTTPConnection(*address, timeout=2)
        assert asked(connection, "GET", "/v1/agents/a1/secrets/ticket")[:2] == (200, "A=1\n")
    finally:
        let.set()
        for one in waiting:
            one.close()
        listeners.stop()
