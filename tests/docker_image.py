"""A small image for tests, made from this machine's busybox: no registry is needed. And where the engine is."""

from __future__ import annotations

import functools
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

WAY_OUT = "scripts/services installs and starts what is needed"


@functools.cache
def busybox_image() -> str:
    """The image's name; skips the test where there is no engine or no static busybox to make it of.

    With CIPROV_TEST_SERVICES=required the test fails instead.
    """
    missing = _missing()
    if missing and os.environ.get("CIPROV_TEST_SERVICES") == "required":
        pytest.fail(f"{missing}: {WAY_OUT}")
    if missing:
        pytest.skip(f"{missing}: {WAY_OUT}")
    return _made()


def _missing() -> str:
    from docker import APIClient
    from docker.errors import DockerException

    try:
        APIClient(os.environ.get("DOCKER_HOST"), timeout=20).ping()
    except (DockerException, OSError):
        return "no Docker engine answers"
    path = shutil.which("busybox")
    if path is None:
        return "there is no busybox to make an image of"
    # A dynamic one names its loader, and does not run alone in an image.
    return "this machine's busybox is not a static one" if b"/ld-linux" in Path(path).read_bytes() else ""


def _made() -> str:
    from docker import APIClient
    from docker.errors import ImageNotFound

    client = APIClient(os.environ.get("DOCKER_HOST"), timeout=60)
    busybox = Path(str(shutil.which("busybox"))).read_bytes()
    name = f"ciprov-test/busybox:{hashlib.sha256(busybox).hexdigest()[:12]}"
    try:
        client.inspect_image(name)
    except ImageNotFound:
        repository, _, tag = name.partition(":")
        client.import_image_from_data(_tar(busybox), repository=repository, tag=tag, changes=['CMD ["echo", "own"]'])
    return name


def _tar(busybox: bytes) -> bytes:
    applets = subprocess.run(["busybox", "--list"], check=True, capture_output=True, text=True).stdout.split()
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        file = tarfile.TarInfo("bin/busybox")
        file.size, file.mode = len(busybox), 0o755
        tar.addfile(file, io.BytesIO(busybox))
        for applet in applets:
            if applet != "busybox":
                link = tarfile.TarInfo(f"bin/{applet}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
    return content.getvalue()
