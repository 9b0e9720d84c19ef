"""What the engine is going to do outside once the turn's decisions are written down, in order."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ciprov.localcluster.api.port import Events
from ciprov.localcluster.engine.announcing import Announcement

logger = logging.getLogger(__name__)


class Outbox:
    """Collects during a turn; `flush` performs. An action that fails is logged and keeps no other from happening."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._actions: list[Callable[[], None]] = []

    def do(self, action: Callable[[], None]) -> None:
        self._actions.append(action)

    def announce(self, announcement: Announcement) -> None:
        self._actions.append(lambda: self._events.publish(announcement.event_type, announcement.fields))

    def flush(self) -> None:
        actions, self._actions = self._actions, []
        for action in actions:
            try:
                action()
            except Exception:
                logger.exception("an action of the engine failed")
