"""Fetching the URIs of a task into its sandbox: `file:` and bare absolute paths, `http:` and `https:`.

Runs in threads: it blocks. `cancelled` is looked at between pieces, so that a killed task stops its download.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import os
import shutil
import ssl
import tarfile
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from ciprov.localcluster.definitions.app import FetchUri
from ciprov.localcluster.runtimes.archive import UnsafeArchive, unpack

TIMEOUT_SECONDS = 30.0
CACHE_BYTES = 2 * 1024**3
_PIECE = 256 * 1024
_cache_lock = threading.Lock()

Cancelled = Callable[[], bool]


class FetchFailed(Exception):
    """A URI could not be fetched; the message names it without its credentials."""


class FetchCancelled(Exception):
    """The task was killed meanwhile."""


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed URI: a local path, or a URL without credentials and the header that carries them."""

    shown: str
    name: str
    path: Path | None = None
    url: str = ""
    authorization: str | None = None


def parse_uri(uri: str) -> Source:
    """Raises FetchFailed for what cannot be fetched."""
    parts = urllib.parse.urlsplit(uri)
    if parts.scheme in ("http", "https"):
        host = parts.netloc.rpartition("@")[2]
        shown = parts._replace(netloc=host, query="", fragment="").geturl()
        url = parts._replace(netloc=host, fragment="").geturl()
        authorization = None
        if parts.username is not None:
            pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
            authorization = "Basic " + base64.b64encode(pair.encode()).decode()
        name = PurePosixPath(urllib.parse.unquote(parts.path)).name
        if not host or not name:
            raise FetchFailed(f"'{shown}' names no file; a URI must end in a file name")
        return Source(shown, name, None, url, authorization)
    text = uri.removeprefix("file://localhost").removeprefix("file://") if parts.scheme == "file" else uri
    text = text.removeprefix("file:")
    if not text.startswith("/"):
        scheme = f"scheme '{parts.scheme}'" if parts.scheme else "a relative path"
        shown = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
        raise FetchFailed(f"'{shown}': {scheme} is not supported; use http, https, file or an absolute path")
    path = Path(text) if Path(text).exists() else Path(urllib.parse.unquote(text))
    return Source(uri, path.name, path)


def destination(sandbox: Path, source: Source, dest_path: str | None) -> Path:
    """Where the file goes; raises FetchFailed where that is outside the sandbox."""
    target = (sandbox / (dest_path or source.name)).resolve()
    if not target.is_relative_to(sandbox.resolve()) or target == sandbox.resolve():
        raise FetchFailed(f"destPath '{dest_path}' of '{source.shown}' is not a file inside the sandbox")
    return target


def fetch_all(uris: Sequence[FetchUri], sandbox: Path, cache: Path, cancelled: Cancelled) -> None:
    """Fetch in order. Raises FetchFailed with the first failure, or FetchCancelled."""
    for uri in uris:
        source = parse_uri(uri.uri)
        try:
            _fetch(uri, source, sandbox, cache, cancelled)
        except urllib.error.HTTPError as error:
            raise FetchFailed(f"'{source.shown}': the server answered {error.code} {error.reason}") from None
        except urllib.error.URLError as error:
            raise FetchFailed(f"'{source.shown}': {_reason(error)}") from None
        except (UnsafeArchive, tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise FetchFailed(f"cannot extract '{source.shown}': {error}") from None
        except (OSError, http.client.HTTPException, ssl.SSLError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise FetchFailed(f"'{source.shown}': {reason}") from None


def _reason(error: urllib.error.URLError) -> str:
    if isinstance(error.reason, ssl.SSLCertVerificationError):
        told = error.reason.verify_message or error.reason.reason
        return f"no trust in the server's certificate: {told}; start the cluster with its authority in SSL_CERT_FILE"
    return str(error.reason)


def _fetch(uri: FetchUri, source: Source, sandbox: Path, cache: Path, cancelled: Cancelled) -> None:
    target = destination(sandbox, source, uri.dest_path)
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.path is not None:
        with source.path.open("rb") as opened, target.open("wb") as file:
            _copy(opened, file, cancelled)
        shutil.copymode(source.path, target)
    elif uri.cache:
        with _from_cache(source, cache, cancelled) as opened, target.open("wb") as file:
            _copy(opened, file, cancelled)
    else:
        with target.open("wb") as file:
            _download(source, file, cancelled)
    if uri.executable:
        target.chmod(0o755)
    elif uri.extract:
        unpack(target, target.parent)


def _copy(source: IO[bytes] | http.client.HTTPResponse, target: IO[bytes], cancelled: Cancelled) -> int:
    written = 0
    while piece := source.read(_PIECE):
        if cancelled():
            raise FetchCancelled
        written += target.write(piece)
    return written


def _request(source: Source, method: str = "GET") -> urllib.request.Request:
    request = urllib.request.Request(source.url, method=method, headers={"User-Agent": "ciprov"})
    if source.authorization:
        request.add_unredirected_header("Authorization", source.authorization)
    return request


def _download(source: Source, target: IO[bytes], cancelled: Cancelled) -> None:
    with urllib.request.urlopen(_request(source), timeout=TIMEOUT_SECONDS) as answer:
        announced = answer.headers.get("Content-Length")
        written = _copy(answer, target, cancelled)
    if announced is not None and announced.isdigit() and int(announced) != written:
        raise FetchFailed(f"'{source.shown}': the answer ended after {written} of {announced} bytes")


def _from_cache(source: Source, cache: Path, cancelled: Cancelled) -> IO[bytes]:
    """The cached file, opened; downloaded anew where it is missing or its size at the server has changed."""
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    entry = cache / hashlib.sha256(source.url.encode()).hexdigest()
    with contextlib.suppress(OSError):
        size = entry.stat().st_size
        with urllib.request.urlopen(_request(source, "HEAD"), timeout=TIMEOUT_SECONDS) as answer:
            if answer.headers.get("Content-Length") == str(size):
                os.utime(entry)
                return entry.open("rb")
    descriptor, temporary = tempfile.mkstemp(dir=cache)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _download(source, file, cancelled)
        opened = Path(temporary).open("rb")  # noqa: SIM115 - the caller closes it
        Path(temporary).replace(entry)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _shrink(cache)
    return opened


def _shrink(cache: Path) -> None:
    """Remove what was not used for longest until the cache is within its bound."""
    with _cache_lock, contextlib.suppress(OSError):
        entries = sorted(((entry.stat(), entry) for entry in cache.iterdir()), key=lambda each: each[0].st_mtime)
        excess = sum(stat.st_size for stat, _ in entries) - CACHE_BYTES
        for stat, entry in entries:
            if excess <= 0:
                return
            entry.unlink(missing_ok=True)
            excess -= stat.st_size
