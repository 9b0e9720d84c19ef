"""Whether an image is here, and fetching it where it is not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from ciprov.localcluster.runtimes.docker.engine import DockerEngine, EngineRefused, EngineUnavailable
from ciprov.localcluster.runtimes.docker.stream import StreamFailed

NOT_FOUND = 404
PULL_SILENCE_SECONDS = 300.0
"""So long a pull may go without any progress: a large layer is unpacked in silence."""


class ImageMissing(Exception):
    """The image is not here and cannot be fetched, in words for a user."""


class _PullFailed(Exception):
    """Why, in the words of the engine or the registry."""


def reference(image: str) -> tuple[str, str]:
    """Repository and tag (or digest) of an image's name; without one it is `latest`."""
    name, at, digest = image.partition("@")
    if at:
        return name, digest
    head, colon, tag = image.rpartition(":")
    return (head, tag) if colon and "/" not in tag else (image, "latest")


def credentials(sandbox: Path) -> Mapping[str, Any] | None:
    """The docker configuration that was fetched into the sandbox, as with Mesos; None where there is none.

    Raises ImageMissing where it cannot be read.
    """
    for name in (".docker/config.json", ".dockercfg"):
        file = sandbox / name
        try:
            if file.is_file():
                content = json.loads(file.read_text())
                if not isinstance(content, dict):
                    raise ImageMissing(f"the fetched {name} holds no registry credentials: it is no JSON object")
                return content
        except (OSError, ValueError) as error:
            raise ImageMissing(f"the fetched {name} cannot be read: {error}") from None
    return None


async def ensure(engine: DockerEngine, image: str, sandbox: Path, *, force: bool) -> Mapping[str, Any]:
    """The engine's description of the image, fetched where it is missing or `force` says so.

    Raises ImageMissing, EngineUnavailable or EngineRefused.
    """
    if not force:
        found = await _inspect(engine, image)
        if found is not None:
            return found
    config = credentials(sandbox)
    try:
        async with engine.pulls:
            found = None if force else await _inspect(engine, image)
            if found is not None:
                return found  # another task's pull brought it
            await _pull(engine, image, config)
    except (EngineRefused, _PullFailed) as error:
        raise ImageMissing(_pull_failed(image, str(error), config is not None, force)) from None
    found = await _inspect(engine, image)
    if found is None:
        raise ImageMissing(_pull_failed(image, "it is not there after the pull", config is not None, force))
    return found


async def _inspect(engine: DockerEngine, image: str) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = await engine.call(lambda client: client.inspect_image(image))
    except EngineRefused as error:
        if error.status == NOT_FOUND:
            return None
        raise
    return found


def _pull_failed(image: str, reason: str, with_credentials: bool, force: bool) -> str:
    """The engine says 404, 500 or 403 for much the same thing, so its own words are passed on."""
    why = "forcePullImage asks for it" if force else "it is not on this machine"
    way_out = (
        "check the name, the registry and the fetched credentials"
        if with_credentials
        else "check the name and the registry, load the image (docker load, docker import), or fetch a docker.tar.gz "
        "with .docker/config.json where the registry wants credentials"
    )
    return f"Failed to pull image '{image}' ({why}): {reason}; {way_out}"


async def _pull(engine: DockerEngine, image: str, config: Mapping[str, Any] | None) -> None:
    """Given up with the connection, by the engine too, when it is cancelled."""
    repository, tag = reference(image)
    credential = await engine.call(lambda _: _credential(repository, config))
    headers = {"X-Registry-Auth": credential} if credential else {}
    query = urlencode({"fromImage": repository, "tag": tag})
    stream = await engine.stream("POST", f"/images/create?{query}", headers=headers)
    try:
        async for line in _lines(stream.read):
            # A failure in the middle of the answer: the status was sent long before.
            if line.get("error"):
                raise _PullFailed(str(line["error"]))
    except TimeoutError:
        raise _PullFailed(f"there was no progress for {PULL_SILENCE_SECONDS:.0f} s") from None
    except (OSError, StreamFailed) as error:
        raise EngineUnavailable(f"the Docker engine went away while it pulled '{image}': {error}") from None
    finally:
        stream.close()


async def _lines(read: Callable[[], Awaitable[bytes]]) -> AsyncIterator[Any]:
    """The JSON documents of an answer, one a line. Raises TimeoutError, OSError or StreamFailed."""
    rest = b""
    while piece := await asyncio.wait_for(read(), PULL_SILENCE_SECONDS):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.strip():
                yield json.loads(line)


def _credential(repository: str, config: Mapping[str, Any] | None) -> str:
    """The entry of the image's registry as the engine wants it, empty where there is none. Blocking.

    Of the fetched configuration where there is one: the user's own are not for such tasks, and credential helpers that
    the fetched file names are not run, since they would be programs of this machine. The user's own are read anew each
    time, since somebody may have logged in.
    """
    from docker import auth
    from docker.errors import InvalidRepository

    whose = "fetched" if config is not None else "user's"
    try:
        registry, _ = auth.resolve_repository_name(repository)
        if config is None:
            found = auth.load_config().resolve_authconfig(registry)
        else:
            entries = auth.AuthConfig.parse_auth(dict(config.get("auths", config)), raise_on_error=True)
            found = auth.AuthConfig({"auths": entries}).resolve_authconfig(registry)
        return auth.encode_header(found).decode() if found else ""
    except InvalidRepository as error:
        raise _PullFailed(str(error)) from None
    except Exception as error:
        # Only its kind is told: the message may hold what could not be read.
        raise _PullFailed(f"the {whose} registry credentials cannot be read ({type(error).__name__})") from None
