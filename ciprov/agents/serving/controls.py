"""What others may ask of the service, from any thread: orders go to the loop, answers come from its last snapshot."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection
from concurrent.futures import TimeoutError as Late
from datetime import datetime
from difflib import get_close_matches
from typing import Protocol, TypeVar, cast

from ciprov.agents.record import AgentRecord, Phase
from ciprov.agents.serving.handout import Handout
from ciprov.agents.serving.inbox import Inbox, Ordered, Signalled
from ciprov.agents.serving.roster import digest
from ciprov.agents.template import Rules
from ciprov.agents.template_digest import Difference
from ciprov.agents.view.control import Reloaded, Requested
from ciprov.agents.view.snapshot import Snapshot
from ciprov.foundation.errors import CiprovError, UsageError

_PATIENCE_S = 10.0

Given = TypeVar("Given")


_UNFENCED = frozenset({Phase.LAUNCHED, Phase.CONNECTING, Phase.ONLINE})


class Orders(Protocol):
    """What the loop carries out, in its own thread."""

    inbox: Inbox
    snapshot: Snapshot
    handout: Handout

    def fence_at_once(self, agent: str) -> None:
        """From any thread."""

    def make(self, template: str, label: str, now: datetime) -> AgentRecord: ...

    def drain(self, templates: frozenset[str]) -> frozenset[str]: ...

    def undrain(self, templates: frozenset[str]) -> frozenset[str]: ...

    def resume(self, templates: frozenset[str], now: datetime) -> frozenset[str]: ...

    def kill(self, agents: frozenset[str], now: datetime) -> None: ...

    def follow(self, rules: Rules, now: datetime) -> Difference: ...


class ServiceControl:
    """`read` reads the settings anew, in the thread of whoever asks for it: the rules, and the keys that changed though
    they hold from the next start only.
    """

    def __init__(self, service: Orders, read: Callable[[], tuple[Rules, tuple[str, ...]]]) -> None:
        self._service = service
        self._read = read

    def snapshot(self) -> Snapshot:
        return self._service.snapshot

    def signal(self, agent: str, token: str, entries: Collection[str]) -> bool:
        record = self._service.snapshot.agents.get(agent)
        # Compared in any case, so that the time tells nothing about which agents there are.
        expected = record.token_digest if record is not None and record.token_digest else digest("")
        if not hmac.compare_digest(digest(token), expected) or record is None or not record.token_digest:
            return False
        if record.phase in _UNFENCED:
            self._service.fence_at_once(agent)
        self._service.inbox.put(Signalled(agent, tuple(entries)))
        return True

    def secrets(self, agent: str, ticket: str) -> str | None:
        return self._service.handout.take(agent, ticket)

    def request(self, template: str, label: str = "") -> Requested:
        self._known([template])
        record = self._ordered(lambda now: self._service.make(template, label, now))
        return Requested(record.unique_label, record.name, record.template)

    def drain(self, templates: Collection[str]) -> frozenset[str]:
        self._known(templates)
        return self._ordered(lambda _: self._service.drain(frozenset(templates)))

    def undrain(self, templates: Collection[str]) -> frozenset[str]:
        # What is drained may be a template that the settings do not have any more.
        self._known(set(templates) - self._service.snapshot.drained)
        return self._ordered(lambda _: self._service.undrain(frozenset(templates)))

    def resume(self, templates: Collection[str]) -> frozenset[str]:
        self._known(templates)
        return self._ordered(lambda now: self._service.resume(frozenset(templates), now))

    def kill(self, agents: Collection[str]) -> None:
        known = {*self._service.snapshot.agents, *(gone.name for gone in self._service.snapshot.recent)}
        for name in agents:
            if name not in known:
                raise UsageError(f"there is no agent '{name}'", way_out="`ciprov agents status` lists all")
        self._ordered(lambda now: self._service.kill(frozenset(agents), now))

    def reload(self) -> Reloaded:
        try:
            rules, late = self._read()
        except CiprovError as error:
            raise CiprovError(f"the settings stay as they were: {error}") from error
        return Reloaded(self._ordered(lambda now: self._service.follow(rules, now)), late)

    def _known(self, templates: Collection[str]) -> None:
        names = [template.name for template in self._service.snapshot.rules.templates]
        for name in templates:
            if name not in names:
                raise UsageError(_unknown_template(name, names), way_out="`ciprov agents templates` lists all")

    def _ordered(self, order: Callable[[datetime], Given]) -> Given:
        ordered = Ordered(order)
        self._service.inbox.put(ordered)
        try:
            return cast(Given, ordered.answer.result(_PATIENCE_S))
        except Late:
            raise CiprovError(
                f"the service did not come to it within {_PATIENCE_S:g} s",
                way_out="It may still do it. `ciprov agents status` shows what keeps it.",
            ) from None


def _unknown_template(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, known, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"there is no template '{name}'{hint}"
