"""Secrets that a task fetches, once: for containers to which Mesos hands no secret variables."""

from __future__ import annotations

import hmac
import secrets
import threading


class Handout:
    """Used from the loop's thread and from those that answer agents. Nothing of it survives a restart."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: dict[str, tuple[str, str]] = {}

    def leave(self, agent: str, text: str) -> str:
        """The ticket with which `text` may be fetched."""
        ticket = secrets.token_urlsafe(24)
        with self._guard:
            self._waiting[agent] = (ticket, text)
        return ticket

    def take(self, agent: str, ticket: str) -> str | None:
        """None where there is nothing, not any more, or not with this ticket."""
        with self._guard:
            expected, text = self._waiting.get(agent, ("", ""))
            if not hmac.compare_digest(expected.encode(), ticket.encode("utf-8", "surrogateescape")) or not expected:
                return None
            del self._waiting[agent]
            return text

    def forget(self, agent: str) -> None:
        with self._guard:
            self._waiting.pop(agent, None)
