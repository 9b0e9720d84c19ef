"""Whether an image is here, and fetching it where it is not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ciprov.localcluster.runtimes.docker.engine import DockerEngine, EngineRefused

NOT_FOUND = 404


class ImageMissing(Exception):
    """The image is not here and cannot be fetched, in words for a user."""


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
        await engine.call(lambda client: _pull(client, image, config), pull=True)
    except EngineRefused as error:
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


def _pull(client: Any, image: str, config: Mapping[str, Any] | None) -> None:
    """Blocking. A failure in the middle of the answer is an APIError too."""
    repository, tag = reference(image)
    authentication = _credential_of(repository, config) if config is not None else None
    for line in client.pull(repository, tag=tag, auth_config=authentication, stream=True, decode=True):
        if line.get("error"):
            raise EngineRefused(500, str(line["error"]))


def _credential_of(repository: str, config: Mapping[str, Any]) -> Any:
    """The entry of the image's registry, an empty one where it has none: the user's own are not for tasks.

    Credential helpers that the fetched file names are not run: they would be programs of this machine.
    """
    from docker.auth import AuthConfig, resolve_repository_name

    registry, _ = resolve_repository_name(repository)
    try:
        entries = AuthConfig.parse_auth(dict(config.get("auths", config)), raise_on_error=True)
        return AuthConfig({"auths": entries}).resolve_authconfig(registry) or {}
    except Exception as error:
        raise ImageMissing(f"the fetched registry credentials cannot be read: {type(error).__name__}") from None
