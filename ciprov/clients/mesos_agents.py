"""Mesos agents through their masters: what they offer, and the sandboxes of tasks.

master /slaves ──▶ agent by id ──▶ agent /state ──▶ executor of the task ──▶ its directory ──▶ agent /files/read
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests

from ciprov.clients.connection import Connection, Session
from ciprov.clients.mesos_exec import ExecFailed, ExecSession
from ciprov.clients.mesos_operator import send_call
from ciprov.clients.mesos_state import TaskPlace, agent_url, frameworks, task_place, tasks_of, unreachable_tasks
from ciprov.domain.mesos_frameworks import MasterFramework
from ciprov.foundation.errors import CiprovError
from ciprov.foundation.json import JsonObject, JsonValue

log = logging.getLogger(__name__)

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
BYTES_PER_LINE = 200
"""How many bytes are read for each line that is asked for; of longer lines there are fewer then."""
PIECE = 65536
"""Bytes that one read asks for: agents answer no more at once, whatever is asked."""


class Unreachable(CiprovError):
    """A master or an agent did not answer, or what it was asked for is not there."""


class NotThere(Unreachable):
    """404."""


@dataclass(frozen=True, slots=True)
class _Agent:
    url: str
    state: JsonObject = field(repr=False)


class HttpAgents:
    """See `ciprov.environments.ports.Agents`. Without a master every answer is None."""

    def __init__(self, connection: Connection | None) -> None:
        self._connection = connection
        self._session = Session(connection) if connection else None

    def agents(self) -> list[JsonObject] | None:
        try:
            return self._slaves()
        except Unreachable as error:
            log.debug("%s", error)
            return None

    def unreachable_tasks(self) -> list[JsonObject] | None:
        """Those of all frameworks."""
        state = self._state()
        return None if state is None else unreachable_tasks(state)

    def tasks_of(self, framework_id: str) -> list[JsonObject] | None:
        state = self._state()
        return None if state is None else tasks_of(state, framework_id)

    def frameworks(self) -> list[MasterFramework] | None:
        """All that the master keeps."""
        state = self._state()
        return None if state is None else frameworks(state)

    def operate(self, call: JsonObject) -> None:
        """Masters that do not lead send it on to the one that does, credentials only where that is configured."""
        if self._connection is None or self._session is None:
            raise Unreachable("no Mesos address is known")
        send_call(self._session, self._connection, call)

    def _state(self) -> JsonObject | None:
        """That of the first master that tells it whole."""
        for master in self._connection.servers if self._connection else ():
            try:
                answer = self._get(f"{master.rstrip('/')}/state")
            except Unreachable as error:
                log.debug("%s", error)
                continue
            if isinstance(answer, dict) and isinstance(answer.get("frameworks"), list):
                return answer
        return None

    def sandbox_tail(self, agent_id: str, task_id: str, file: str, limit: int) -> str | None:
        try:
            agent, place = self._locate(agent_id, task_id)
            path = f"{place.directory}/{file}"
            end = self._size(agent, path)
            data = b"".join(self._pieces(agent, path, max(0, end - limit), end))
        except Unreachable as error:
            log.debug("%s", error)
            return None
        return data.decode("utf-8", "replace")

    def sandbox_directory(self, agent_id: str, task_id: str) -> str | None:
        """On the agent's host; None where the agent does not tell."""
        try:
            return self._locate(agent_id, task_id)[1].directory
        except Unreachable as error:
            log.debug("%s", error)
            return None

    def follow(
        self, agent_id: str, task_id: str, file: str, *, lines: int, done: Callable[[], bool], pause: float = 1.0
    ) -> Iterator[bytes]:
        """The last `lines` lines of a file, and what is added to it, as it comes, until `done()`.

        What was written before `done()` first said so is still given. Raises `Unreachable`.
        """
        agent, place = self._locate(agent_id, task_id)
        path = f"{place.directory}/{file}"
        offset = self._size(agent, path)
        content = b"".join(self._pieces(agent, path, max(0, offset - lines * BYTES_PER_LINE), offset))
        yield b"".join(content.splitlines(keepends=True)[-lines:])
        while True:
            last = done()
            for piece in self._pieces(agent, path, offset, self._size(agent, path)):
                yield piece
                offset += len(piece)
            if last:
                return
            time.sleep(pause)

    def exec(self, agent_id: str, task_id: str, command: Sequence[str] | str) -> ExecSession:
        """Start a command (a list, or a text for the shell) beside a running task. Raises `ExecFailed`, `Unreachable`.

        It has no input and no terminal.
        """
        agent, place = self._locate(agent_id, task_id)
        if not place.container or self._session is None:
            raise ExecFailed(f"task {task_id} has no container on its agent", place=agent.url)
        return ExecSession(self._session, agent.url, place.container, command)

    def _locate(self, agent_id: str, task_id: str) -> tuple[_Agent, TaskPlace]:
        agent = self._agent(agent_id)
        place = task_place(agent.state, task_id)
        if place is None or not place.directory:
            raise Unreachable(f"the agent knows nothing of task {task_id} any more", place=agent.url)
        return agent, place

    def _agent(self, agent_id: str) -> _Agent:
        known = self._slaves()
        if known is None:
            raise Unreachable(
                "no Mesos address is known", way_out="set the cluster's `mesos` to the URL of a master (CIPROV_MESOS)"
            )
        for slave in known:
            if slave.get("id") == agent_id:
                try:
                    url = agent_url(str(slave.get("pid", "")), self._scheme)
                except ValueError as error:
                    raise Unreachable(str(error), place=f"agent {agent_id}") from error
                state = self._get(f"{url}/state")
                return _Agent(url, state if isinstance(state, dict) else {})
        raise Unreachable(f"the Mesos master does not know agent {agent_id}", place=self._masters)

    def _slaves(self) -> list[JsonObject] | None:
        if self._connection is None:
            return None
        failure: Unreachable | None = None
        for master in self._connection.servers:
            url = f"{master.rstrip('/')}/slaves"
            try:
                answer = self._get(url)
            except Unreachable as error:
                failure = error
                continue
            slaves = answer.get("slaves") if isinstance(answer, dict) else None
            if isinstance(slaves, list):
                return [slave for slave in slaves if isinstance(slave, dict)]
            failure = Unreachable("the answer is not that of a Mesos master", place=url)
        raise failure or Unreachable("no Mesos master is configured")

    @property
    def _scheme(self) -> str:
        return urlsplit(self._connection.servers[0]).scheme if self._connection else "http"

    @property
    def _masters(self) -> str:
        return ", ".join(self._connection.servers) if self._connection else ""

    def _size(self, agent: _Agent, path: str) -> int:
        answer = self._file(agent, {"path": path, "offset": "-1"})
        return int(answer.get("offset", 0)) if isinstance(answer, dict) else 0

    def _pieces(self, agent: _Agent, path: str, start: int, end: int) -> Iterator[bytes]:
        while start < end:
            query = {"path": path, "offset": str(start), "length": str(min(PIECE, end - start))}
            answer = self._file(agent, query)
            piece = str(answer.get("data", "")).encode("utf-8", "surrogateescape") if isinstance(answer, dict) else b""
            if not piece:
                return
            yield piece
            start += len(piece)

    def _file(self, agent: _Agent, query: dict[str, str]) -> JsonValue:
        """Files are served at the root of an agent's address; where several agents share one, below each agent."""
        root = agent.url.rpartition("/")[0]
        try:
            return self._get(f"{root}/files/read", query)
        except NotThere:
            return self._get(f"{agent.url}/files/read", query)

    def _get(self, url: str, query: dict[str, str] | None = None) -> JsonValue:
        if self._connection is None or self._session is None:
            raise Unreachable("no Mesos address is known")
        try:
            response = self._session.get(url, params=query, timeout=(CONNECT_SECONDS, READ_SECONDS))
        except requests.RequestException as error:
            raise Unreachable(f"no answer ({type(error).__name__})", place=url) from error
        if response.status_code == 404:
            raise NotThere("not found", place=response.url)
        if not response.ok:
            raise Unreachable(f"HTTP {response.status_code}: {response.text.strip()[:200]}", place=url)
        try:
            # The bytes of files stand in the JSON as they are, whatever their encoding: keep each of them.
            return json.loads(response.content.decode("utf-8", "surrogateescape"))
        except ValueError as error:
            raise Unreachable("the answer is no JSON", place=url) from error
