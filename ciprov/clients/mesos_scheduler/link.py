"""What the threads of one driver share: the subscription at hand, the outbox, and whether it is all over."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ciprov.clients.mesos_scheduler.addresses import Master
from ciprov.clients.mesos_scheduler.kills import Kills
from ciprov.clients.mesos_scheduler.outbox import Call, Outbox
from ciprov.clients.mesos_scheduler.verdicts import Verdict
from ciprov.domain.mesos_events import CallLost, MesosEvent, Stopped, Update
from ciprov.domain.mesos_scheduler import EventQueue

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Registration:
    """A subscription that stands: where calls go. `number` counts subscriptions from 1."""

    number: int
    master: Master
    stream_id: str
    framework_id: str


class Link:
    """Safe for threads. Nothing in it waits while it holds the lock."""

    def __init__(self, framework_id: str, events: EventQueue) -> None:
        self._changed = threading.Condition()
        self._events = events
        self._outbox = Outbox()
        self._kills = Kills()
        self._in_flight: Call | None = None
        self._registration: Registration | None = None
        self._count = 0
        self._break_off: Callable[[], None] | None = None
        self._broken_off: Verdict | None = None
        self._nudged = False
        self._end: Stopped | None = None
        self._closed = False
        self.framework_id = framework_id

    def tell(self, event: MesosEvent) -> None:
        """Put an event on the queue; none after `Stopped`."""
        with self._changed:
            if self._closed:
                return
            self._put(event)
            again = self._kills.heard(event) if isinstance(event, Update) else None
            if again is not None and self._end is None:
                self._outbox.add(again)
                self._changed.notify_all()

    # Calls.

    def post(self, call: Call) -> None:
        with self._changed:
            number = self._registration.number if self._registration else 0
            made = Call(call.type, call.body, call.ids, number)
            if self._end is not None:
                self._lose(made, "the driver has stopped", perhaps_done=False)
            elif not made.outlives and number == 0:
                self._lose(made, "there is no subscription", perhaps_done=False)
            else:
                if made.type == "KILL":
                    self._kills.order(made)
                self._outbox.add(made)
                self._changed.notify_all()

    def next_call(self) -> tuple[Call, Registration] | None:
        """Waits for a call that can be sent. None: it is over."""
        with self._changed:
            self._in_flight = None
            self._changed.notify_all()
            while self._end is None:
                wait = None
                if self._registration is not None:
                    now = time.monotonic()
                    call = self._outbox.next(self._registration.number, now)
                    if call is not None:
                        self._in_flight = call
                        return call, self._registration
                    due = self._outbox.next_due()
                    wait = None if due is None else max(due - now, 0.001)
                self._changed.wait(wait)
            return None

    def put_back(self, call: Call, reason: str, pause_s: float) -> None:
        """Have it sent again after a pause, unless it died with its subscription meanwhile, for `reason`."""
        with self._changed:
            number = self._registration.number if self._registration else 0
            if call.outlives or call.subscription == number:
                self._outbox.put_back(call, time.monotonic() + pause_s)
            else:
                self._lose(call, reason, perhaps_done=True)

    def lose(self, call: Call, reason: str, *, perhaps_done: bool) -> None:
        with self._changed:
            self._lose(call, reason, perhaps_done=perhaps_done)

    def drained(self, seconds: float) -> None:
        """Wait until all that can be sent is sent, up to so many seconds."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while (
                self._end is None
                and self._registration is not None
                and (len(self._outbox) or self._in_flight is not None)
            ):
                if not self._changed.wait(deadline - time.monotonic()) and time.monotonic() >= deadline:
                    return

    # The subscription.

    def connecting(self, break_off: Callable[[], None]) -> bool:
        """`break_off` ends the connection that begins now. False: it is over, do not begin."""
        with self._changed:
            self._break_off, self._broken_off = break_off, None
            return self._end is None

    def registered(self, master: Master, stream_id: str, framework_id: str) -> None:
        with self._changed:
            self._count += 1
            self.framework_id = framework_id
            self._registration = Registration(self._count, master, stream_id, framework_id)
            self._changed.notify_all()

    def disconnected(self) -> Verdict | None:
        """Calls that need the subscription are lost with it. Answers why this side broke it off, if it did."""
        with self._changed:
            self._registration = None
            self._break_off = None
            for call in self._outbox.void(0):
                self._lose(call, "the subscription was lost before it was sent", perhaps_done=False)
            verdict, self._broken_off = self._broken_off, None
            return verdict

    def break_off(self, why: Verdict, number: int = 0) -> None:
        """End the connection at hand, with `number` only where it is that subscription."""
        with self._changed:
            current = self._registration.number if self._registration else 0
            if self._break_off is not None and number in {0, current}:
                self._broken_off = why
                self._break_off()

    def nudge(self) -> None:
        """Let a pause end now."""
        with self._changed:
            self._nudged = True
            self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Until the time is over, a nudge, or the end."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while self._end is None and not self._nudged and (remaining := deadline - time.monotonic()) > 0:
                self._changed.wait(remaining)
            self._nudged = False

    # The end.

    def is_over(self) -> bool:
        return self._end is not None

    def finish(self, stopped: Stopped) -> None:
        """The first one counts."""
        with self._changed:
            if self._end is None:
                self._end = stopped
                if self._break_off is not None:
                    self._break_off()
                self._changed.notify_all()

    def close(self) -> None:
        """After `finish`: tell what was not sent or not answered, and `Stopped` as the last event."""
        with self._changed:
            if self._in_flight is not None:
                self._lose(self._in_flight, "the driver stopped before the answer came", perhaps_done=True)
            for call in self._outbox.everything():
                self._lose(call, "the driver has stopped", perhaps_done=False)
            self._outbox = Outbox()
            if not self._closed and self._end is not None:
                self._put(self._end)
                self._closed = True
            self._changed.notify_all()

    def _lose(self, call: Call, reason: str, *, perhaps_done: bool) -> None:
        if not self._closed:
            if call is self._in_flight:
                self._in_flight = None
            self._put(CallLost(call.type, call.body, reason, perhaps_done, call.ids))

    def _put(self, event: MesosEvent) -> None:
        try:
            self._events.put(event)
        except Exception:  # a queue that fails must not cost the subscription, and with it the offers
            log.exception("an event of Mesos was lost: the queue did not take it")
