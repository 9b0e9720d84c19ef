"""The secret of a node and the token of an agent's task: searched for by their values wherever others may look."""

from __future__ import annotations

import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from agents_world import ON, World, world
from fake_jenkins_routes import TOKEN
from real_mesos import free_port

TEMPLATES = {"linux": {"labels": ["linux"], "env": {"DEPLOY_KEY": {"from_env": "DEPLOY_KEY"}}}}
DEPLOY_KEY = "a-deploy-key-that-nobody-else-has"


class Between:
    """Stands between agents and the service, and notes the token of each, and what was told with one."""

    def __init__(self) -> None:
        self.tokens: set[str] = set()
        self.told: list[tuple[str, int]] = []
        self.service = ""
        notes = self

        class Handler(BaseHTTPRequestHandler):
            def _forward(self) -> None:
                scheme, _, token = self.headers.get("Authorization", "").partition(" ")
                if scheme == "Bearer":
                    notes.tokens.add(token)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or None
                request = urllib.request.Request(notes.service + self.path, body, dict(self.headers.items()))
                try:
                    with urllib.request.urlopen(request, timeout=5) as answer:
                        status, text = answer.status, answer.read()
                except urllib.error.HTTPError as error:
                    status, text = error.code, error.read()
                if scheme == "Bearer":
                    notes.told.append((self.path, status))
                if b"CIPROV_AGENT_TOKEN" in text:
                    notes.tokens.update(re.findall(r"CIPROV_AGENT_TOKEN='?([\w-]+)", text.decode()))
                self.send_response(status)
                if text:
                    self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = _forward

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(params=ON)
def watched(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[World, Between]]:
    between = Between()
    monkeypatch.setenv("DEPLOY_KEY", DEPLOY_KEY)
    port = free_port()
    between.service = f"http://127.0.0.1:{port}"
    try:
        with world(request.param, tmp_path, TEMPLATES, address=between.url, listen=f"127.0.0.1:{port}") as found:
            yield found, between
    finally:
        between.stop()


def test_no_secret_is_where_others_may_look(watched: tuple[World, Between]) -> None:
    running, between = watched
    running.freestyle("secretive", "linux", 'test "$DEPLOY_KEY" && sleep 1.5')
    on = running.running("secretive")["builtOn"]
    running.service.wait_for("fenced", task_id=on)
    secrets = {TOKEN, DEPLOY_KEY, running.jenkins.controller.secret(on), *between.tokens}
    assert len(secrets) == 4
    assert between.told == [(f"/v1/agents/{on}/busy", 204)]
    seen = {f"command line of {pid}": text for pid, text in command_lines()}
    seen["/state"] = str(running.mesos.state())
    seen |= files(running.directory)
    seen["status"] = running.cli.ok("agents", "status", on, "-o", "json").out
    seen["logs"] = running.cli.ok("agents", "logs", on).out + running.cli.ok("agents", "logs", on, "--stdout").out
    assert running.built("secretive")["result"] == "SUCCESS"
    running.gone()
    seen |= {f"{name}, afterwards": text for name, text in files(running.directory).items()}
    assert {where.split()[0] for where, text in seen.items() if on in text} >= {"command", "/state", "service.log"}
    found = [f"{where}: {secret[:6]}..." for where, text in seen.items() for secret in secrets if secret in text]
    assert not found


def command_lines() -> list[tuple[int, str]]:
    found = []
    for process in psutil.process_iter():
        try:
            found.append((process.pid, " ".join(process.cmdline())))
        except psutil.Error:
            continue
    return found


def files(directory: Path) -> dict[str, str]:
    """All but the settings, which have Jenkins's token because they are where it is given."""
    return {
        str(path.relative_to(directory)): path.read_bytes().decode(errors="replace")
        for path in directory.rglob("*")
        if path.is_file() and path.name != "settings.yaml"
    }
