"""A registry of images on loopback, which every Docker engine takes without TLS: what a pull needs, and a log."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import shutil
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

USER, PASSWORD = "puller", "s3cret-of-the-registry"
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


class ImageRegistry:
    """Images of a busybox whose command prints `mark`. `asked` are the paths that were asked for with credentials."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.under_way = threading.Event()
        self.given_up = threading.Event()
        self.slow = False
        self._content: dict[str, tuple[str, bytes]] = {}
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: tests read `asked`."""

            def do_GET(self) -> None:
                registry._answer(self)

            do_HEAD = do_GET

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.name = f"127.0.0.1:{self._server.server_address[1]}"

    def put(self, repository: str, tag: str, mark: str) -> str:
        """The image's reference by digest."""
        layer = _layer(mark)
        config = json.dumps({
            "architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/busybox", "cat", "/mark"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        }).encode()  # fmt: skip
        packed = gzip.compress(layer, mtime=0)
        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": _MANIFEST,
            "config": self._blob(repository, config, "application/vnd.docker.container.image.v1+json"),
            "layers": [self._blob(repository, packed, "application/vnd.docker.image.rootfs.diff.tar.gzip")],
        }).encode()  # fmt: skip
        digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
        for reference in (tag, digest):
            self._content[f"/v2/{repository}/manifests/{reference}"] = (_MANIFEST, manifest)
        return f"{self.name}/{repository}@{digest}"

    def credentials(self) -> dict[str, object]:
        """A docker configuration with this registry's."""
        return {"auths": {self.name: {"auth": base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}}}

    def _blob(self, repository: str, content: bytes, kind: str) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self._content[f"/v2/{repository}/blobs/{digest}"] = ("application/octet-stream", content)
        return {"mediaType": kind, "size": len(content), "digest": digest}

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        given = request.headers.get("Authorization", "")
        if given != "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode():
            _send(request, 401, "application/json", b'{"errors":[{"code":"UNAUTHORIZED","message":"who are you"}]}')
            return
        self.asked.append(request.path)
        kind, content = self._content.get(
            request.path, ("application/json", b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
        )
        if self.slow and "/blobs/" in request.path:
            _send(request, 200, kind, content, self.under_way, self.given_up)
        else:
            _send(request, 200 if request.path in self._content or request.path == "/v2/" else 404, kind, content)

    @contextmanager
    def serving(self) -> Iterator[ImageRegistry]:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        yield self
        self._server.shutdown()
        self._server.server_close()


def _send(request: BaseHTTPRequestHandler, status: int, kind: str, content: bytes, *slowly: threading.Event) -> None:
    request.send_response(status)
    request.send_header("Docker-Distribution-Api-Version", "registry/2.0")
    request.send_header("WWW-Authenticate", 'Basic realm="tests"')
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(len(content)))
    if kind == _MANIFEST:
        request.send_header("Docker-Content-Digest", f"sha256:{hashlib.sha256(content).hexdigest()}")
    request.end_headers()
    if request.command == "HEAD":
        return
    if not slowly:
        request.wfile.write(content)
        return
    under_way, given_up = slowly
    try:
        for start in range(0, len(content), 100):
            request.wfile.write(content[start : start + 100])
            under_way.set()
            time.sleep(0.05)
    except OSError:
        given_up.set()
        request.close_connection = True


def _layer(mark: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, data, mode in (
            ("bin/busybox", Path(str(shutil.which("busybox"))).read_bytes(), 0o755),
            ("mark", f"{mark}\n".encode(), 0o644),
        ):
            file = tarfile.TarInfo(name)
            file.size, file.mode, file.mtime = len(data), mode, int(time.time())
            tar.addfile(file, io.BytesIO(data))
        link = tarfile.TarInfo("bin/sh")
        link.type, link.linkname = tarfile.SYMTYPE, "busybox"
        tar.addfile(link)
    return content.getvalue()
