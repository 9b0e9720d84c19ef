"""Sends calls one after the other, and decides what becomes of those that fail."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum, auto

import requests
from urllib3.exceptions import NameResolutionError, NewConnectionError

from ciprov.clients.connection import Connection, Session
from ciprov.clients.mesos_scheduler import calls
from ciprov.clients.mesos_scheduler.back_off import BackOff
from ciprov.clients.mesos_scheduler.fenced import API
from ciprov.clients.mesos_scheduler.link import Link, Registration
from ciprov.clients.mesos_scheduler.outbox import Call
from ciprov.clients.mesos_scheduler.patience import Patience
from ciprov.clients.mesos_scheduler.verdicts import Verdict, shown
from ciprov.domain.mesos_events import End, Loss, Stopped

_STALE = ("stream", "cannot be found", "not subscribed")
_LONGEST_REFUSAL = 2000
_WORTH_ANOTHER_TRY = frozenset({408, 425, 429})


class Fate(Enum):
    DONE = auto()
    AGAIN = auto()
    """Not done, or not certain: again where the call may be repeated."""
    RESUBSCRIBE = auto()
    """Certainly not done: the subscription is not valid any more."""
    REFUSED = auto()


@dataclass(frozen=True, slots=True)
class Outcome:
    fate: Fate
    reason: str = ""
    perhaps_done: bool = False


def of_answer(status: int, text: str, url: str) -> Outcome:
    told = f"{url} answered {status}" + (f": {shown(text)}" if text.strip() else "")
    if 200 <= status < 300:
        return Outcome(Fate.DONE)
    if 300 <= status < 400:
        return Outcome(Fate.RESUBSCRIBE, f"{told}: it does not lead any more")
    if status in {400, 403} and any(sign in text.lower() for sign in _STALE):
        return Outcome(Fate.RESUBSCRIBE, told)
    if status == 503 or status in _WORTH_ANOTHER_TRY:
        return Outcome(Fate.AGAIN, told)
    if status >= 500:
        return Outcome(Fate.AGAIN, told, perhaps_done=True)
    return Outcome(Fate.REFUSED, told)


def of_failure(error: Exception, url: str) -> Outcome:
    cause = getattr(error.args[0] if error.args else None, "reason", None)
    never_sent = isinstance(error, requests.ConnectTimeout) or isinstance(
        cause, NewConnectionError | NameResolutionError
    )
    what = "no connection to" if never_sent else "no answer from"
    return Outcome(Fate.AGAIN, f"{what} {url} ({type(error).__name__})", perhaps_done=not never_sent)


class Sender:
    """`run` is for a thread of its own."""

    def __init__(self, link: Link, connection: Connection, patience: Patience) -> None:
        self._link = link
        self._connection = connection
        self._patience = patience
        self._session: Session | None = None
        self._session_of = 0

    def run(self) -> None:
        while (taken := self._link.next_call()) is not None:
            call, registration = taken
            try:
                outcome = self._send(call, registration)
            except Exception as error:  # the thread must outlive whatever a call may bring
                outcome = Outcome(Fate.REFUSED, f"{type(error).__name__} while sending", perhaps_done=True)
            self._settle(call, registration, outcome)
        if self._session is not None:
            self._session.close()

    def _settle(self, call: Call, registration: Registration, outcome: Outcome) -> None:
        if outcome.fate is Fate.DONE:
            if call.type == "TEARDOWN":
                self._link.finish(Stopped(End.TORN_DOWN, f"framework {registration.framework_id} was removed"))
            return
        # What the master answers wrongly over and over must not end one subscription after the other.
        stale_for_ever = outcome.fate is Fate.RESUBSCRIBE and call.tries >= self._patience.refusals
        if outcome.fate is Fate.REFUSED or stale_for_ever or not call.may_be_repeated:
            self._link.lose(call, outcome.reason, perhaps_done=outcome.perhaps_done)
        else:
            pauses = BackOff(self._patience.first_pause_s, self._patience.longest_pause_s, call.tries + 1)
            self._link.put_back(call, outcome.reason, pauses.pause(0.0))
        if outcome.fate is Fate.RESUBSCRIBE and not stale_for_ever:
            self._link.break_off(Verdict(Loss.UNAVAILABLE, outcome.reason), registration.number)

    def _send(self, call: Call, registration: Registration) -> Outcome:
        url = registration.master.url + API
        try:
            answer = self._session_for(registration).post(
                url,
                json=calls.message(call, registration.framework_id),
                headers={"Mesos-Stream-Id": registration.stream_id, "Accept": "application/json"},
                timeout=(self._patience.connect_s, self._patience.call_s),
                allow_redirects=False,
                stream=True,
            )
            with answer:
                return of_answer(answer.status_code, self._text(answer), str(registration.master))
        except (requests.RequestException, OSError) as error:
            return of_failure(error, str(registration.master))

    def _text(self, answer: requests.Response) -> str:
        """Of a refusal, as far as it came in time. An answer that drips must not hold up the calls after it."""
        if answer.headers.get("Content-Length") == "0":
            return answer.text  # reads nothing, and lets the connection be used again
        text, deadline = b"", time.monotonic() + self._patience.call_s
        if not answer.ok:
            for byte in answer.iter_content(1):
                text += byte
                if len(text) >= _LONGEST_REFUSAL or time.monotonic() > deadline:
                    break
        return text.decode(errors="replace")

    def _session_for(self, registration: Registration) -> Session:
        if self._session is None or self._session_of != registration.number:
            if self._session is not None:
                self._session.close()
            self._session = Session(self._connection)
            # The stream knows no proxies either, and both are to reach the same master.
            self._session.trust_env = False
            self._session_of = registration.number
        return self._session
