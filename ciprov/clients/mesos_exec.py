"""A command beside a running task: a nested container on the agent, whose output streams back."""

from __future__ import annotations

import base64
import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from ciprov.clients.recordio import records
from ciprov.foundation.errors import CiprovError

HEARTBEAT_SECONDS = 90.0
"""An agent sends heartbeats every 30 s; three missing ones mean that it is gone."""


class ExecFailed(CiprovError):
    """The command could not be started, or its outcome is not known."""


class ExecSession:
    """Iterate over `(stream, bytes)`, stream being `stdout` or `stderr`; afterwards ask for `exit_code()`.

    The command is ended when the session is closed before that.
    """

    def __init__(self, session: requests.Session, agent: str, container: str, command: Sequence[str] | str) -> None:
        self._session = session
        self._url = f"{agent}/api/v1"
        self._container = {"value": uuid.uuid4().hex, "parent": {"value": container}}
        self._response = self._launch(command)

    def __enter__(self) -> ExecSession:
        return self

    def __exit__(self, *_: object) -> None:
        self._response.close()

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        unread = b""
        try:
            while piece := self._response.raw.read1(65536):
                found, unread = records(unread + piece)
                for record in found:
                    yield from _output(json.loads(record))
        except (HTTPError, OSError, ValueError) as error:
            raise self._failed(f"the agent's answer broke off ({type(error).__name__})") from error

    def exit_code(self) -> int:
        """As a shell gives it: 128 + the signal's number where one ended the command."""
        call = {"type": "WAIT_NESTED_CONTAINER", "wait_nested_container": {"container_id": self._container}}
        try:
            response = self._session.post(self._url, json=call, headers={"Accept": "application/json"}, timeout=(5, 30))
        except requests.RequestException as error:
            raise self._failed("the agent did not tell how the command ended") from error
        if not response.ok:
            raise self._failed(f"the agent did not tell how the command ended: {_reason(response)}")
        try:
            ended = response.json()["wait_nested_container"]
            status = ended.get("exit_status")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._failed("the agent told in no known form how the command ended") from error
        if not isinstance(status, int):
            raise self._failed(f"the command did not end by itself: {ended.get('message', 'no reason given')}")
        code = os.waitstatus_to_exitcode(status)
        return 128 - code if code < 0 else code

    def _launch(self, command: Sequence[str] | str) -> requests.Response:
        call = {
            "type": "LAUNCH_NESTED_CONTAINER_SESSION",
            "launch_nested_container_session": {"container_id": self._container, "command": _command_info(command)},
        }
        headers = {"Accept": "application/recordio", "Message-Accept": "application/json"}
        try:
            response = self._session.post(
                self._url, json=call, headers=headers, stream=True, timeout=(5, HEARTBEAT_SECONDS)
            )
        except requests.RequestException as error:
            raise self._failed(f"the agent cannot be reached ({type(error).__name__})") from error
        if not response.ok:
            with response:
                raise self._failed(f"the agent refused to start the command: {_reason(response)}")
        return response

    def _failed(self, message: str) -> ExecFailed:
        return ExecFailed(
            message,
            place=self._url,
            way_out="commands run beside tasks of the Mesos containerizer only, while the task runs; "
            "see `ciprov env status`",
        )


def _command_info(command: Sequence[str] | str) -> dict[str, Any]:
    if isinstance(command, str):
        return {"shell": True, "value": command}
    return {"shell": False, "value": command[0], "arguments": list(command)}


def _output(message: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Control messages are heartbeats and say nothing."""
    if message.get("type") == "DATA":
        data = message["data"]
        yield ("stderr" if data.get("type") == "STDERR" else "stdout"), base64.b64decode(data.get("data", ""))


def _reason(response: requests.Response) -> str:
    return response.text.strip()[:300] or f"HTTP {response.status_code}"
