"""The Docker engine of this machine: its calls, each in a thread, a bounded number at a time.

Only an engine behind a Unix socket counts: containers use directories and addresses of this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ciprov.localcluster.runtimes.docker.stream import EngineStream, StreamFailed, open_stream

CALLS_AT_ONCE = 8
PULLS_AT_ONCE = 3
TIMEOUT_SECONDS = 60
DEFAULT_SOCKET = "/var/run/docker.sock"
_WAY_OUT = (
    "start one on this machine (Debian: apt-get install docker.io), or give the app a cmd and no image to run it as a "
    "process"
)

T = TypeVar("T")


class EngineUnavailable(Exception):
    """No engine answers; the message says where it was looked for, and the way out."""


class EngineRefused(Exception):
    """The engine answered with an error; `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class DockerEngine:
    """`host` is as in the environment variable DOCKER_HOST; empty is the usual socket."""

    def __init__(self, host: str = "") -> None:
        self._host = host or f"unix://{DEFAULT_SOCKET}"
        self._client: Any = None
        self._connecting = threading.Lock()
        self._calls = asyncio.Semaphore(CALLS_AT_ONCE)
        self.pulls = asyncio.Semaphore(PULLS_AT_ONCE)
        """To be held while an image is pulled."""

    async def call(self, function: Callable[[Any], T]) -> T:
        """What `function(client)` gives for docker-py's low-level client.

        Raises EngineUnavailable or EngineRefused.
        """
        async with self._calls:
            return await _in_thread(lambda: self._perform(function))

    async def stream(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> EngineStream:
        """A long answer, or both directions of a hijacked connection, without a thread.

        Raises EngineUnavailable or EngineRefused.
        """
        try:
            stream = await open_stream(self._socket(), method, path, body, headers or {})
        except (OSError, StreamFailed) as error:
            raise EngineUnavailable(self._absent(error)) from None
        if stream.status >= 400:
            message = b""
            with contextlib.suppress(OSError, StreamFailed):
                message = await stream.read()
            stream.close()
            raise EngineRefused(stream.status, _words(message))
        return stream

    def _socket(self) -> str:
        scheme, _, path = self._host.partition("://")
        if scheme != "unix":
            raise EngineUnavailable(
                f"DOCKER_HOST is {self._host}, but the embedded cluster's containers use directories and addresses of "
                "this machine: unset it, or name a Unix socket (unix:///path)"
            )
        return path

    def _perform(self, function: Callable[[Any], T]) -> T:
        import requests  # slow to import, as docker is: only clusters that have containers pay for it
        from docker.errors import APIError, DockerException

        try:
            return function(self._connected())
        except APIError as error:
            raise EngineRefused(error.status_code or 500, error.explanation or str(error)) from None
        except requests.exceptions.ReadTimeout:
            raise EngineUnavailable(
                f"the Docker engine at {self._host} did not answer within {TIMEOUT_SECONDS} s"
            ) from None
        except (DockerException, requests.exceptions.RequestException, OSError) as error:
            raise EngineUnavailable(self._absent(error)) from None

    def _connected(self) -> Any:
        from docker import APIClient

        with self._connecting:
            if self._client is None:
                self._socket()
                self._client = APIClient(base_url=self._host, version="auto", timeout=TIMEOUT_SECONDS)
            return self._client

    def _absent(self, error: Exception) -> str:
        path = self._host.removeprefix("unix://")
        if not os.path.exists(path):  # noqa: PTH110 - a plain question about a plain path
            reason = "there is no such socket"
        elif not os.access(path, os.R_OK | os.W_OK):
            return (
                f"the Docker engine's socket {path} may not be used by this user: join the group of the socket "
                "(usually 'docker') and start the embedded cluster again, or run the app as a process"
            )
        else:
            reason = getattr(error, "strerror", None) or str(error)
        return f"no Docker engine answers at {self._host} ({reason}): {_WAY_OUT}"


def _words(answer: bytes) -> str:
    """The message in the engine's answer to what it refused."""
    try:
        return str(json.loads(answer)["message"])
    except (ValueError, KeyError, TypeError):
        return answer.decode(errors="replace").strip()


def from_environment() -> DockerEngine:
    return DockerEngine(os.environ.get("DOCKER_HOST", ""))


async def _in_thread(work: Callable[[], T]) -> T:
    """In a daemon thread: a call that hangs must not keep the process from ending."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result: T | None = None
        failure: BaseException | None = None
        try:
            result = work()
        except Exception as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop may be closed by now
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, name="docker", daemon=True).start()
    return await done
