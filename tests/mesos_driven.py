"""A driver with little patience at a faulty master, and what such masters do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from faulty_master import FaultyMaster, Peer, Script, accepted
from mesos_session import Session

from ciprov.clients.mesos_scheduler.patience import Patience

QUICK = Patience(connect_s=1.0, subscribe_s=0.4, call_s=0.4, first_pause_s=0.05, longest_pause_s=0.2, farewell_s=0.5)


@contextmanager
def driven(
    *subscriptions: Script, calls: Sequence[Script] = (accepted,), patience: Patience = QUICK
) -> Iterator[tuple[FaultyMaster, Session]]:
    with FaultyMaster(*subscriptions, calls=calls) as master, Session(master.address, patience=patience) as session:
        session.start()
        yield master, session


def answering(status: int, text: str = "", *headers: str) -> Script:
    return lambda peer: peer.answer(status, text, headers)


def in_turn(*steps: Callable[[Peer], None]) -> Script:
    def script(peer: Peer) -> None:
        for step in steps:
            step(peer)

    return script
