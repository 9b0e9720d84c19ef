"""Checks of what a URL answers, against real servers on this machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ciprov.clients.here import ThisMachine
from ciprov.clients.pages import MOST_BYTES
from ciprov.domain.page import Page


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/slow":
            time.sleep(5)
        if self.path == "/drip":
            self._drip()
            return
        status, headers, body = {
            "/": (200, {"Content-Type": "text/html; charset=utf-8"}, "grün".encode()),
            "/moved": (302, {"Location": "/"}, b""),
            "/round": (302, {"Location": "/round"}, b""),
            "/sick": (503, {}, b"no database"),
            "/large": (200, {}, b"x" * (3 * MOST_BYTES)),
            "/who": (200, {}, str(self.headers.get("Authorization")).encode()),
        }.get(self.path, (404, {}, b""))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(50):
            self.wfile.write(b"." * 20000)
            time.sleep(0.1)

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            return


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def page(url: str, seconds: float = 5.0, *, follow: bool = True) -> Page:
    return ThisMachine().page(url, seconds, follow=follow)


def test_status_and_text(site):
    assert page(f"{site}/") == Page(200, "grün")
    assert page(f"{site}/sick") == Page(503, "no database")


def test_redirects_are_followed_unless_one_is_what_is_wanted(site):
    assert page(f"{site}/moved") == Page(200, "grün")
    assert page(f"{site}/moved", follow=False).status == 302
    assert "redirected" in page(f"{site}/round").error


def test_nothing_there_and_nothing_in_time(site):
    assert page("http://127.0.0.1:9/").error == "nothing answers there"
    assert page("http://no.such.host.invalid/").error == "nothing answers there"
    assert page("http://[bad/").error
    started = time.monotonic()
    assert page(f"{site}/slow", 0.5).error == "it did not answer in time"
    assert page(f"{site}/drip", 0.5).status == 200
    assert time.monotonic() - started < 4


def test_of_a_long_answer_the_beginning_is_enough(site):
    found = page(f"{site}/large")
    assert MOST_BYTES < len(found.text) < 2 * MOST_BYTES


def test_neither_a_proxy_nor_netrc_comes_in_between(site, monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    assert page(f"{site}/who") == Page(200, "None")
