"""The agent service of this machine, asked over its Unix socket."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, urlencode

from ciprov.foundation.errors import CiprovError, UsageError
from ciprov.foundation.json import JsonObject

_PATIENCE_S = 30.0


class NoService(CiprovError):
    """Nobody listens there."""


class AgentServiceClient:
    """Every call may raise `NoService`, and `CiprovError` or `UsageError` with what the service refused.

    `start` is the command that starts a service, for those who find none.
    """

    def __init__(self, socket_path: Path, start: str) -> None:
        self._path = socket_path
        self._start = start

    def status(self) -> JsonObject:
        return self._ask("GET", "/v1/status")

    def agent(self, name: str) -> JsonObject:
        """Also one that went lately."""
        return self._ask("GET", f"/v1/agents/{quote(name, safe='')}")

    def why(self, label: str) -> JsonObject:
        return self._ask("GET", f"/v1/why?{urlencode({'label': label})}")

    def templates(self) -> JsonObject:
        return self._ask("GET", "/v1/templates")

    def metrics(self) -> str:
        """In Prometheus's text form."""
        return self._send("GET", "/metrics", None).decode("utf-8", "replace")

    def request(self, template: str, label: str = "") -> JsonObject:
        return self._ask("POST", "/v1/requests", {"template": template, "label": label})

    def drain(self, templates: Sequence[str]) -> JsonObject:
        """Of all templates where none is named, as with `undrain` and `resume`.

        Returns which they were, `templates`, and for which of them it was new, `changed`.
        """
        return self._steer("drain", templates)

    def undrain(self, templates: Sequence[str]) -> JsonObject:
        return self._steer("undrain", templates)

    def resume(self, templates: Sequence[str]) -> JsonObject:
        return self._steer("resume", templates)

    def kill(self, agents: Sequence[str]) -> None:
        self._ask("POST", "/v1/kill", {"agents": list(agents)})

    def reload(self) -> JsonObject:
        """Returns the `templates` that there are now, the `difference` by kind and in words, `text`, and the keys
        whose change holds `at_next_start`.
        """
        return self._ask("POST", "/v1/reload", {})

    def _steer(self, what: str, templates: Sequence[str]) -> JsonObject:
        body = {"templates": list(templates)} if templates else {"all": True}
        return self._ask("POST", f"/v1/{what}", body)

    def _ask(self, method: str, path: str, body: JsonObject | None = None) -> JsonObject:
        content = self._send(method, path, body)
        try:
            document = json.loads(content)
        except ValueError as error:
            raise self._silent("its answer is no JSON") from error
        if not isinstance(document, dict):
            raise self._silent("its answer is no JSON object")
        return document

    def _send(self, method: str, path: str, body: JsonObject | None) -> bytes:
        connection = _UnixConnection(self._path)
        try:
            # Who needs no body may have answered, and be gone, before it was sent.
            with contextlib.suppress(BrokenPipeError):
                connection.request(method, path, json.dumps(body).encode() if body is not None else None)
            answer = connection.getresponse()
            content = answer.read()
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError) as error:
            raise NoService(
                "no agent service of this cluster runs on this machine: nobody listens on its socket",
                place=str(self._path),
                way_out=f"start one with `{self._start}`, or ask where it runs, with its state directory",
            ) from error
        except PermissionError as error:
            raise NoService(
                "this socket belongs to another user's agent service",
                place=str(self._path),
                way_out="ask as the user who runs it",
            ) from error
        except TimeoutError as error:
            raise self._silent(f"no answer within {_PATIENCE_S:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            raise self._silent(f"{error or type(error).__name__}") from error
        finally:
            connection.close()
        if answer.status >= http.client.BAD_REQUEST:
            raise self._refusal(answer.status, content)
        return content

    def _refusal(self, status: int, content: bytes) -> CiprovError:
        try:
            told = json.loads(content)
            message, place, way_out = str(told["message"]), str(told.get("place", "")), str(told.get("way_out", ""))
        except (ValueError, KeyError, TypeError, AttributeError):
            return self._silent(f"it answered {status}")
        if status == http.client.NOT_FOUND:
            return self._silent("it is of another version of ciprov, which cannot do this")
        kind = UsageError if told.get("usage") else CiprovError
        return kind(message, place=place, way_out=way_out)

    def _silent(self, why: str) -> CiprovError:
        return CiprovError(
            f"the agent service does not answer as it should: {why}",
            place=str(self._path),
            way_out="see its log; its agents and their builds go on without it while it is restarted",
        )


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("agent-service", timeout=_PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
