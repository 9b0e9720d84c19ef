"""Tells, once after the start, of frameworks that the service launched before its store was lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ciprov.agents.leftovers.lost_frameworks import lost_frameworks
from ciprov.agents.view.happenings import Happening, Severity, Tell, What
from ciprov.foundation.errors import CiprovError
from ciprov.settings.model import Cluster
from ciprov.wiring.clusters import agents_client

_LOOK_S = 0.5


@contextmanager
def told_of(cluster: Cluster, name: str, own_id: Callable[[], str], tell: Tell) -> Iterator[None]:
    """`own_id` gives the framework's id, empty before it has one. A master that does not tell is not asked again."""
    stopped = threading.Event()

    def look() -> None:
        while not own_id():
            if stopped.wait(_LOOK_S):
                return
        try:
            found = agents_client(cluster).frameworks() or ()
        except CiprovError:
            return
        for one in lost_frameworks(found, name, own_id(), cluster.mesos[0] if cluster.mesos else ""):
            tell(Happening(What.SWEPT, f"{one.text}\n  {one.way_out}", Severity.WARNING))

    thread = threading.Thread(target=look, name="agents-lost", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
