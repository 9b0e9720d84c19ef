"""Base images for the project's own, made of what this machine has: no registry is needed.

A runtime of Java made with jlink, or this machine's Python with the packages that the tests run with; each with the
libraries that it loads, and busybox for all else.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import site
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from docker import APIClient
from docker.errors import ImageNotFound
from docker_image import busybox_image

LOCKS = Path(__file__).resolve().parents[1] / "locks"
_ETC = {"etc/passwd": "root:x:0:0::/root:/bin/sh\n", "etc/group": "root:x:0:\n"}
_NOT_NEEDED = re.compile(r"/(test|tests|idlelib|mypyc?|mypy|hypothesis|ruff|grimp|__pycache__)$|__mypyc\b|/config-3")


class Root(tarfile.TarFile):
    """Of what is added under one name, the first stays: the engine takes none twice."""

    def addfile(self, tarinfo: tarfile.TarInfo, fileobj: Any = None) -> None:
        if tarinfo.name not in self.__dict__.setdefault("taken", set()):
            self.__dict__["taken"].add(tarinfo.name)
            super().addfile(tarinfo, fileobj)


def java_image(work: Path) -> str:
    """Skips, or fails where services are required, without a JDK."""
    jlink = shutil.which("jlink")
    if jlink is None:
        told = "there is no JDK to make an image of: install one, such as openjdk-17-jdk-headless"
        pytest.fail(told) if os.environ.get("CIPROV_TEST_SERVICES") == "required" else pytest.skip(told)
    jlink = str(Path(str(jlink)).resolve())
    runtime = work / "java"

    def fill(tar: tarfile.TarFile) -> None:
        modules = "java.base,java.logging"
        subprocess.run(
            [jlink, "--add-modules", modules, "--output", runtime, "--strip-debug", "--no-man-pages"], check=True
        )
        _add_tree(tar, runtime, "/opt/java")
        _add_libraries(tar, runtime.rglob("*"))
        _add_link(tar, "/usr/local/bin/java", "/opt/java/bin/java")

    return _made("java", jlink, fill)


def python_image(work: Path) -> str:
    """The packages of ciprov are installed in it, in the versions of the locks, so that building asks no index."""
    base, packages = Path(sys.base_prefix), Path(site.getsitepackages()[0])
    library = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}"

    def fill(tar: tarfile.TarFile) -> None:
        _add_tree(tar, base / library, f"/usr/local/{library}", without=("site-packages",))
        # What builds packages may be installed here in another version, which something else needs.
        building = sorted(set(re.findall(r"^([\w-]+)==", (LOCKS / "build.txt").read_text(), re.M)))
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        install += ["--require-hashes", "--target", str(work / "building"), "--requirement", str(LOCKS / "build.txt")]
        subprocess.run(install, check=True)
        named = [one.name for one in packages.iterdir()]
        other = [one for one in named if re.split(r"-\d|\.", one)[0].lower().replace("_", "-") in building]
        to = f"/usr/local/{library}/site-packages"
        _add_tree(tar, work / "building", to)
        _add_tree(tar, packages, to, without=("ciprov", "http_parser", *other))
        program = Path(sys.executable).resolve()
        _add_file(tar, program, "/usr/local/bin/python3")
        found = [program, *(base / library).rglob("*.so"), *packages.rglob("*.so")]
        _add_libraries(tar, (one for one in found if not _NOT_NEEDED.search(str(one))))

    return _made("python", sys.version + "".join((LOCKS / f"{one}.txt").read_text() for one in ("build", "jobs")), fill)


def _made(name: str, seed: str, fill: Callable[[tarfile.TarFile], None]) -> str:
    """Once for each machine, as long as `seed` and this file stay as they are."""
    busybox_image()
    digest = hashlib.sha256((seed + Path(__file__).read_text()).encode()).hexdigest()[:12]
    image = f"ciprov-test/{name}:{digest}"
    client = APIClient(os.environ.get("DOCKER_HOST"), timeout=120)
    try:
        client.inspect_image(image)
    except ImageNotFound:
        content = io.BytesIO()
        with Root(fileobj=content, mode="w") as tar:
            fill(tar)
            _add_busybox(tar)
        client.import_image_from_data(content.getvalue(), repository=image.partition(":")[0], tag=digest)
    return image


def _add_busybox(tar: tarfile.TarFile) -> None:
    _add_file(tar, Path(str(shutil.which("busybox"))), "/bin/busybox")
    for applet in subprocess.run(["busybox", "--list"], check=True, capture_output=True, text=True).stdout.split():
        if applet != "busybox":
            _add_link(tar, f"/bin/{applet}", "busybox")
    for name, text in _ETC.items():
        about = tarfile.TarInfo(name)
        about.size, about.mode = len(text), 0o644
        tar.addfile(about, io.BytesIO(text.encode()))
    for name, mode in (("tmp", 0o1777), ("home", 0o755), ("root", 0o700)):
        about = tarfile.TarInfo(name)
        about.type, about.mode = tarfile.DIRTYPE, mode
        tar.addfile(about)


def _add_tree(tar: tarfile.TarFile, root: Path, to: str, without: Iterable[str] = ()) -> None:
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if inside.parts[0] in without or any(_NOT_NEEDED.search(f"/{part}") for part in inside.parts):
            continue
        if path.is_file():
            _add_file(tar, path, f"{to}/{inside}")


def _add_libraries(tar: tarfile.TarFile, files: Iterable[Path]) -> None:
    """All that the loader would load for these, where it would look for it."""
    seen = set()
    programs = [str(file) for file in files if file.is_file() and (file.suffix == ".so" or os.access(file, os.X_OK))]
    told = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False).stdout
    for line in told.splitlines():
        found = re.match(r"\s+(?:(\S+) => )?(/\S+) \(0x", line)
        if found and (name := found[1] or found[2]) not in seen and not found[2].startswith("/opt/java"):
            seen.add(name)
            _add_file(tar, Path(found[2]).resolve(), name if name.startswith("/") else f"/lib/{name}")
    # Where a loader of glibc looks without a cache of its own.
    _add_link(tar, "/usr/lib/x86_64-linux-gnu", "/lib")


def _add_file(tar: tarfile.TarFile, file: Path, to: str) -> None:
    about = tar.gettarinfo(str(file.resolve()), to.lstrip("/"))
    about.uid = about.gid = 0
    about.uname = about.gname = ""
    if about.islnk():
        about.type, about.size = tarfile.REGTYPE, file.stat().st_size
    with file.resolve().open("rb") as content:
        tar.addfile(about, content)


def _add_link(tar: tarfile.TarFile, name: str, target: str) -> None:
    link = tarfile.TarInfo(name.lstrip("/"))
    link.type, link.linkname = tarfile.SYMTYPE, target
    tar.addfile(link)
