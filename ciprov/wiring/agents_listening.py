"""Where the service listens from one life to the next: agents that an earlier one launched know its address alone."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from ciprov.agents.ports import AgentStore
from ciprov.domain.agents import Key
from ciprov.foundation.errors import CiprovError
from ciprov.web.agents.listeners import Listeners, Where, bind

LISTEN = Key("service", "listen")


def bound(where: Where, store: AgentStore) -> Listeners:
    """As `bind`. Where any port will do it is that of the life before, unless somebody else has it by now."""
    if where.listen is None or where.listen[1] != 0:
        return bind(where)
    host, before = where.listen[0], store.load().get(LISTEN, {})
    if before.get("host") == host:
        with suppress(CiprovError):
            return bind(replace(where, listen=(host, int(before["port"]))))
    listeners = bind(where)
    try:
        address = listeners.address()
        store.write({LISTEN: {"host": host, "port": address[1] if address else 0}})
    except BaseException:
        listeners.stop()
        raise
    return listeners
