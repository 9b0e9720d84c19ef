"""Ports of the cluster's own loopback address."""

from __future__ import annotations

import errno
import socket

API_PORT = 8080


def listening(address: str, wanted: int = API_PORT) -> socket.socket:
    """A socket that listens on the wanted port, or on any free one where that is taken."""
    for port in (wanted, 0):
        found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((address, port))
            found.listen(1024)
        except OSError as error:
            found.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES) or not port:
                raise
        else:
            found.setblocking(False)
            return found
    raise AssertionError("a free port is always found or reported")


def is_held(host: str, port: int) -> bool:
    """Whether somebody listens on the port now, so that a task could not.

    A port that is merely winding down from earlier connections is not held: servers may bind it.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return True
    return False
