"""An HTTP response parser with the calls that pymesos makes, over h11.

pymesos feeds raw bytes of a response and takes decoded body bytes out. The class must have no attribute named
`errno`: pymesos takes one as a sign of http-parser's pure-Python parser, which reports errors another way.
"""

from __future__ import annotations

import h11


class HttpParser:
    """Parses one HTTP response, fed in pieces of any size."""

    def __init__(self) -> None:
        self._connection = h11.Connection(our_role=h11.CLIENT)
        # h11 expects an answer only after a request; which one does not matter to the parsing of a body.
        self._connection.send(h11.Request(method="GET", target="/", headers=[("Host", "parser")]))
        self._connection.send(h11.EndOfMessage())
        self._response: h11.Response | None = None
        self._body = bytearray()
        self._complete = False
        self._failed = False

    def execute(self, data: bytes, length: int) -> int:
        """Take in `length` bytes and return how many were understood: all of them, or 0 on malformed input."""
        if self._failed:
            return 0
        if self._complete:
            return length
        try:
            self._connection.receive_data(bytes(data[:length]))
            self._drain()
        except h11.RemoteProtocolError:
            self._failed = True
            return 0
        return length

    def _drain(self) -> None:
        while not self._complete:
            event = self._connection.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED:
                return
            if isinstance(event, h11.Response):
                self._response = event
            elif isinstance(event, h11.Data):
                self._body += event.data
            elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
                self._complete = True

    def get_errno(self) -> int:
        """0 while all went well, 1 after malformed input."""
        return int(self._failed)

    def is_headers_complete(self) -> bool:
        return self._response is not None

    def get_status_code(self) -> int:
        """The status code, or 0 before the headers are complete."""
        return self._response.status_code if self._response else 0

    def get_headers(self) -> dict[str, str]:
        if self._response is None:
            return {}
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self._response.headers}

    def is_chunked(self) -> bool:
        lowered = {name.lower(): value.lower() for name, value in self.get_headers().items()}
        return "chunked" in lowered.get("transfer-encoding", "")

    def is_partial_body(self) -> bool:
        """Whether body bytes wait to be taken by `recv_body`."""
        return bool(self._body)

    def recv_body(self) -> bytes:
        """The decoded body bytes since the last call."""
        taken = bytes(self._body)
        self._body.clear()
        return taken

    def is_message_complete(self) -> bool:
        return self._complete
