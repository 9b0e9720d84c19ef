"""`files/browse`, `files/read` and `files/download` as a Mesos agent answers them, confined to the tasks' sandboxes.

Mesos serves them under `/files/` of each agent's own address. All virtual agents share one address and no path names
two files, so `/files/` serves all of them, and `/slave(k)/files/` is the same.
"""

from __future__ import annotations

import grp
import json
import mimetypes
import os
import pwd
import stat
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from ciprov.localcluster.api.sandbox_port import Sandboxes

READ_LIMIT = 16 * 4096


class _Refused(Exception):
    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.answer = PlainTextResponse(message, status)


def file_routes(sandboxes: Sandboxes) -> list[Route]:
    handlers: dict[str, Callable[[Sandboxes, Request], Response]] = {
        "browse": _browse,
        "read": _read,
        "download": _download,
    }
    return [
        Route(f"{prefix}/files/{name}{suffix}", _route(handler, sandboxes), methods=["GET"])
        for name, handler in handlers.items()
        for prefix in ("", "/slave({agent:int})")
        for suffix in ("", ".json")
    ]


def _route(handler: Callable[[Sandboxes, Request], Response], sandboxes: Sandboxes) -> Callable[[Request], Response]:
    # A plain function, so that it runs in a thread: a slow disk does not hold up the daemon.
    def answer(request: Request) -> Response:
        try:
            return handler(sandboxes, request)
        except _Refused as refused:
            return refused.answer
        except PermissionError as error:
            return PlainTextResponse(f"Failed to open file at '{error.filename}': {error.strerror}.\n", 500)
        except OSError:
            return PlainTextResponse("", 404)

    return answer


def _browse(sandboxes: Sandboxes, request: Request) -> Response:
    asked, path = _paths(sandboxes, request)
    entries = sorted(os.scandir(path), key=lambda entry: entry.name) if path.is_dir() else []
    listing = []
    for entry in entries:
        try:
            listing.append(_info(os.path.join(asked, entry.name), entry.stat()))  # noqa: PTH118 - as it was asked for
        except OSError:
            continue  # a broken link, or gone meanwhile
    return _json(listing)


def _read(sandboxes: Sandboxes, request: Request) -> Response:
    offset = _number(request, "offset")
    length = _number(request, "length")
    _, path = _paths(sandboxes, request)
    if path.is_dir():
        raise _Refused(400, "Cannot read a directory.\n")
    if not path.is_file():
        raise _Refused(400, f"'{path}' is no regular file.\n")
    if offset == -1:
        return _json({"offset": path.stat().st_size, "data": ""})
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(READ_LIMIT if length == -1 else min(length, READ_LIMIT))
    return _json({"offset": offset, "data": data.decode("latin-1")})


def _download(sandboxes: Sandboxes, request: Request) -> Response:
    _, path = _paths(sandboxes, request)
    if path.is_dir():
        raise _Refused(400, "Cannot download a directory.\n")
    if not path.is_file():
        raise _Refused(400, f"'{path}' is no regular file.\n")
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return FileResponse(path, media_type=kind, filename=path.name)


def _paths(sandboxes: Sandboxes, request: Request) -> tuple[str, Path]:
    """The path as it was asked for, and where it really leads. Raises `_Refused` outside the sandboxes."""
    asked = request.query_params.get("path", "")
    if not asked:
        raise _Refused(400, "Expecting 'path=value' in query.\n")
    if "\0" in asked or not sandboxes.holds(Path(os.path.normpath(asked))):
        raise _Refused(404)
    try:
        real = Path(asked).resolve(strict=True)
    except RuntimeError:  # links in a ring, before Python 3.13
        raise _Refused(404) from None
    if not sandboxes.holds(real):
        raise _Refused(400, f"'{asked}' is inaccessible: it leads out of the sandbox.\n")
    return asked, real


def _number(request: Request, name: str) -> int:
    """-1 where it is absent."""
    text = request.query_params.get(name, "-1")
    try:
        number = int(text)
    except ValueError:
        raise _Refused(400, f"Failed to parse {name}: '{text}' is no whole number.\n") from None
    if not -1 <= number < 2**63:
        raise _Refused(400, f"{'Negative' if number < 0 else 'Impossible'} {name} provided: {number}.\n")
    return number


def _info(path: str, found: os.stat_result) -> dict[str, Any]:
    return {
        "gid": _group(found.st_gid),
        "mode": stat.filemode(found.st_mode),
        "mtime": int(found.st_mtime),
        "nlink": found.st_nlink,
        "path": path,
        "size": found.st_size,
        "uid": _user(found.st_uid),
    }


@lru_cache(maxsize=64)
def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


@lru_cache(maxsize=64)
def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _json(value: Any) -> Response:
    """JSON in which strings stand for bytes, and those that are no ASCII go out unchanged, as Mesos does.

    So a piece that begins or ends in the middle of a character is not altered. File names come as Python gives them.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, dict):
        return Response(text.encode("latin-1"), media_type="application/json")
    return Response(text.encode("utf-8", "surrogateescape"), media_type="application/json")
