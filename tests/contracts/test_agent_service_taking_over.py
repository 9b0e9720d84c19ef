"""A stand-in that leads before the kernel took all away from the service that was killed."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

from ciprov.web.agents.listeners import Where, bind


def test_who_takes_over_waits_until_the_killed_one_has_let_go_of_all(tmp_path: Path) -> None:
    where = Where(tmp_path / "agents" / "local.sock", ("127.0.0.1", 0))
    dying = bind(where)
    address = dying.address()
    given_back = threading.Timer(0.3, dying.stop)
    given_back.start()
    after = bind(Where(where.socket, address))
    assert after.address() == address
    assert where.socket.is_socket()
    after.stop()
    given_back.join()


def test_the_address_of_one_that_was_just_killed_is_waited_for(tmp_path: Path) -> None:
    dying = socket.create_server(("127.0.0.1", 0))
    given_back = threading.Timer(0.2, dying.close)
    given_back.start()
    after = bind(Where(tmp_path / "agents" / "c.sock", dying.getsockname()))
    after.stop()
    given_back.join()
