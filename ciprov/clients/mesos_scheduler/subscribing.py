"""Keeps a framework subscribed: finds the leader, subscribes, reads, and tries again after ever longer pauses.

Awkward cases: a redirect to a leader that is dead (the configured masters are asked again), masters that redirect in a
circle, a master that takes each subscription and drops it at once, and an ERROR, after which nothing is tried.
"""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ciprov.clients.mesos_scheduler import verdicts
from ciprov.clients.mesos_scheduler.addresses import Master, redirected
from ciprov.clients.mesos_scheduler.back_off import BackOff
from ciprov.clients.mesos_scheduler.calls import reconcile
from ciprov.clients.mesos_scheduler.fenced import FencedDriver, Subscription
from ciprov.clients.mesos_scheduler.leader import Leaders, NoLeader
from ciprov.clients.mesos_scheduler.link import Link
from ciprov.clients.mesos_scheduler.patience import Patience
from ciprov.clients.mesos_scheduler.stream import EventStream, Line, connected
from ciprov.clients.mesos_scheduler.verdicts import Verdict
from ciprov.domain.mesos_events import Disconnected, End, Loss, Stopped, Subscribed
from ciprov.foundation.json import JsonObject


@dataclass(frozen=True, slots=True)
class Access:
    """What a connection needs besides an address."""

    authorization: str = field(repr=False)
    context: Callable[[], ssl.SSLContext]
    """Made anew for each connection over TLS, so that renewed certificates are read. Raises OSError, which names the
    file.
    """


class Subscriber:
    """`run` is for a thread of its own. `subscribe` gives the framework and the roles that get no offers now."""

    def __init__(
        self,
        link: Link,
        leaders: Leaders,
        access: Access,
        patience: Patience,
        subscribe: Callable[[], tuple[JsonObject, tuple[str, ...]]],
    ) -> None:
        self._link = link
        self._leaders = leaders
        self._access = access
        self._patience = patience
        self._subscribe = subscribe
        self._master: Master | None = None

    @property
    def master(self) -> Master | None:
        """The one that is being talked to."""
        return self._master

    def run(self) -> None:
        pauses = BackOff(self._patience.first_pause_s, self._patience.longest_pause_s)
        refused = hops = 0
        target: Master | None = None
        while not self._link.is_over():
            began = time.monotonic()
            verdict, was_subscribed = self._once(target)
            if self._link.is_over():
                return
            target = None
            if verdict.redirect and self._master is not None and hops < self._patience.redirects:
                try:
                    target = redirected(verdict.redirect, self._master)
                    hops += 1
                    continue
                except ValueError as error:
                    verdict = replace(verdict, reason=f"{self._master} cannot be followed: {error}")
            hops = 0
            # A refusal may also look like a broken connection, under TLS: only a subscription begins the count anew.
            refused = (0 if was_subscribed else refused) + (1 if verdict.end else 0)
            if verdict.end and refused >= self._patience.refusals:
                self._link.finish(Stopped(verdict.end, verdict.reason, verdict.way_out))
                return
            pauses = pauses.failed(time.monotonic() - began if was_subscribed else 0.0)
            pause = pauses.pause(random.random())
            self._link.tell(Disconnected(verdict.loss, verdict.reason, pause, was_subscribed))
            self._link.pause(pause)

    def _once(self, target: Master | None) -> tuple[Verdict, bool]:
        """From finding a master to the end of the subscription, and whether there was one."""
        try:
            master = self._master = target or self._leaders.find()
        except NoLeader as error:
            self._master = None
            return Verdict(Loss.NO_LEADER, str(error)), False
        try:
            context = self._access.context() if master.tls else None
        except (OSError, ValueError) as error:
            reason = f"the TLS files for {master} cannot be used: {error}"
            return Verdict(Loss.UNTRUSTED, reason, End.UNTRUSTED, "correct the files, or their names"), False
        try:
            line = connected(master, self._patience, context)
        except (OSError, ValueError) as error:
            return verdicts.of_failure(error, master), False
        try:
            if not self._link.connecting(line.break_off):
                return Verdict(Loss.CLOSED, "stopped"), False
            # From here on a change breaks the connection off; one before this would not have been noticed.
            if target is None and not self._leaders.leads(master):
                self._link.disconnected()
                return Verdict(Loss.LEADER_CHANGED, f"{master} does not lead any more"), False
            return self._follow(line, master)
        finally:
            line.close()

    def _follow(self, line: Line, master: Master) -> tuple[Verdict, bool]:
        told = 0.0

        def subscribed(info: JsonObject) -> None:
            nonlocal told
            told = float(info.get("heartbeat_interval_seconds") or 0.0)
            self._registered(driver, master, info)

        info, suppressed = self._subscribe()
        subscription = Subscription(info, master, suppressed, self._access.authorization)
        driver = FencedDriver(subscription, self._link.tell, subscribed)
        try:
            verdict = EventStream(line, driver, master).follow(self._patience, lambda: self._patience.silence(told))
        except OSError as error:
            verdict = verdicts.of_failure(error, master)
        if driver.error is not None:
            self._link.finish(verdicts.of_error(driver.error))
        verdict = self._link.disconnected() or verdict
        return verdict, driver.is_subscribed

    def _registered(self, driver: FencedDriver, master: Master, info: JsonObject) -> None:
        framework_id = str(info["framework_id"]["value"])
        again = bool(self._link.framework_id)
        version = str(info.get("master_info", {}).get("version", ""))
        interval = self._patience.silence(float(info.get("heartbeat_interval_seconds") or 0.0))
        heartbeat = interval / self._patience.heartbeats_missed
        self._link.registered(master, driver.stream_id or "", framework_id)
        self._link.tell(Subscribed(framework_id, str(master), version, heartbeat, again))
        # Updates that were lost with the last subscription come again only where they are asked for.
        self._link.post(reconcile(()))
