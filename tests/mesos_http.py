"""A loopback stand-in for a Mesos master with one agent `S0` and its task `t`, in the form of a Mesos 1.11."""

from __future__ import annotations

import base64
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

SANDBOX = "/var/lib/mesos/slaves/S0/frameworks/F/executors/t/runs/r"


class Mesos:
    """One master with one agent. `files_below_agent`: serves files as agents do that share an address."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.files_below_agent = False
        self.calls: list[dict[str, Any]] = []
        self.exit_status: int | None = 0
        self.state: dict[str, Any] = {"frameworks": []}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                files = "/slave(1)/files/read" if outer.files_below_agent else "/files/read"
                if url.path == "/slaves":
                    self.reply(json.dumps({"slaves": [outer.slave]}).encode())
                elif url.path == "/state":
                    self.reply(json.dumps(outer.state).encode())
                elif url.path == "/slave(1)/state":
                    executor = {"id": "t", "directory": SANDBOX, "container": "c", "tasks": [{"id": "t"}]}
                    self.reply(json.dumps({"frameworks": [{"executors": [executor]}]}).encode())
                elif url.path == files:
                    query = {name: values[0] for name, values in parse_qs(url.query).items()}
                    self.file(outer.files.get(query["path"]), int(query["offset"]), int(query.get("length", 0)))
                else:
                    self.send_error(404)

            def file(self, content: bytes | None, offset: int, length: int) -> None:
                if content is None:
                    self.send_error(404)
                elif offset == -1:
                    self.reply(b'{"data":"","offset":%d}' % len(content))
                else:
                    # As Mesos does: bytes as they are, only what JSON demands is escaped.
                    piece = content[offset : offset + length].replace(b"\\", b"\\\\").replace(b"\n", b"\\n")
                    self.reply(b'{"data":"%b","offset":%d}' % (piece, offset))

            def do_POST(self) -> None:
                call = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.calls.append(call)
                if call["type"] == "WAIT_NESTED_CONTAINER":
                    ended = (
                        {"exit_status": outer.exit_status} if outer.exit_status is not None else {"message": "killed"}
                    )
                    self.reply(json.dumps({"wait_nested_container": ended}).encode())
                    return
                messages: list[dict[str, Any]] = [{"type": "CONTROL", "control": {"type": "HEARTBEAT"}}]
                for stream, data in (("STDOUT", b"out \xff"), ("STDERR", b"err")):
                    text = base64.b64encode(data).decode()
                    messages.append({"type": "DATA", "data": {"type": stream, "data": text}})
                lines = [json.dumps(message).encode() for message in messages]
                self.reply(b"".join(b"%d\n%b" % (len(line), line) for line in lines))

            def reply(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.http.server_address[1]}"
        self.slave = {"id": "S0", "hostname": "h", "pid": f"slave(1)@{self.address}", "resources": {"ports": "[1-2]"}}
