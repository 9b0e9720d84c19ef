"""A framework's place at a Mesos master, as in `ciprov.domain.mesos_scheduler`: the guard around pymesos."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from ciprov.clients.connection import Connection, authorization
from ciprov.clients.mesos_scheduler import calls
from ciprov.clients.mesos_scheduler.addresses import Master, ZooKeeperPath, parse_masters
from ciprov.clients.mesos_scheduler.fenced import framework_info
from ciprov.clients.mesos_scheduler.leader import ElectionInZooKeeper, Leaders, MasterList
from ciprov.clients.mesos_scheduler.link import Link
from ciprov.clients.mesos_scheduler.patience import Patience
from ciprov.clients.mesos_scheduler.sending import Sender
from ciprov.clients.mesos_scheduler.subscribing import Access, Subscriber
from ciprov.clients.mesos_scheduler.verdicts import Verdict
from ciprov.domain.mesos_events import End, Loss, Stopped
from ciprov.domain.mesos_scheduler import EventQueue, Framework, MesosScheduler
from ciprov.foundation.errors import UsageError
from ciprov.foundation.json import JsonObject


class GuardedDriver(MesosScheduler):
    """For one life of a framework: one `start`, one `stop`. Threads: one subscribes and reads, one sends.

    `connection.servers` are masters, or one `zk://` address; `leader_tls`: the masters found there speak TLS.
    """

    def __init__(self, connection: Connection, patience: Patience | None = None, *, leader_tls: bool = False) -> None:
        self._connection = connection
        self._patience = patience or Patience()
        self._leader_tls = leader_tls
        self._masters = parse_masters(",".join(connection.servers))
        self._framework: Framework | None = None
        self._link: Link | None = None
        self._suppressed: frozenset[str] = frozenset()
        self._leaders: Leaders | None = None
        self._subscriber: Subscriber | None = None
        self._thread: threading.Thread | None = None

    def start(self, framework: Framework, events: EventQueue) -> None:
        if self._link is not None:
            raise UsageError(f"the driver of {framework.name} was started already", way_out="make a new one")
        _check(framework)
        self._framework = framework
        self._suppressed = frozenset(framework.suppressed)
        link = self._link = Link(framework.id, events)
        self._leaders = self._who_leads()
        access = Access(authorization(self._connection), self._tls_context)
        self._subscriber = Subscriber(link, self._leaders, access, self._patience, self._subscription)
        self._thread = threading.Thread(target=self._run, args=(link, self._subscriber), name="mesos", daemon=True)
        self._leaders.start()
        self._thread.start()

    def accept(self, offer_ids: Sequence[str], operations: Sequence[JsonObject], *, filter_s: float = 5.0) -> None:
        self._started.post(calls.accept(offer_ids, operations, filter_s))

    def launch(self, offer_ids: Sequence[str], task_infos: Sequence[JsonObject], *, filter_s: float = 5.0) -> None:
        self.accept(offer_ids, [calls.launching(task_infos)], filter_s=filter_s)

    def decline(self, offer_ids: Sequence[str], *, filter_s: float = 5.0) -> None:
        self._started.post(calls.decline(offer_ids, filter_s))

    def accept_inverse(self, offer_ids: Sequence[str]) -> None:
        self._started.post(calls.inverse("ACCEPT", offer_ids))

    def decline_inverse(self, offer_ids: Sequence[str]) -> None:
        self._started.post(calls.inverse("DECLINE", offer_ids))

    def suppress(self, roles: Collection[str] = ()) -> None:
        chosen = self._roles(roles)
        self._suppressed |= chosen
        self._started.post(calls.for_roles("SUPPRESS", chosen))

    def revive(self, roles: Collection[str] = ()) -> None:
        chosen = self._roles(roles)
        self._suppressed -= chosen
        self._started.post(calls.for_roles("REVIVE", chosen))

    def kill(self, task_id: str, *, agent_id: str = "", grace_s: float | None = None) -> None:
        self._started.post(calls.kill(task_id, agent_id, grace_s))

    def acknowledge(self, status: JsonObject) -> None:
        if status.get("uuid"):
            self._started.post(calls.acknowledge(status))

    def acknowledge_operation(self, status: JsonObject) -> None:
        if status.get("uuid"):
            self._started.post(calls.acknowledge_operation(status))

    def reconcile(self, tasks: Sequence[tuple[str, str]] = ()) -> None:
        self._started.post(calls.reconcile(tasks))

    def teardown(self, framework_id: str) -> None:
        ours = self._started.framework_id
        if not framework_id or framework_id != ours:
            raise UsageError(
                f"framework {framework_id or '(no id)'} is not the one of this driver ({ours or 'none yet'})",
                way_out="name the framework whose tasks are all to be killed",
            )
        self._started.post(calls.teardown())

    def stop(self) -> None:
        if self._link is None or self._thread is None:
            return
        self._link.drained(self._patience.farewell_s)
        self._link.finish(Stopped(End.ASKED, "asked to stop"))
        self._thread.join(2 * self._patience.farewell_s)
        # Also where the thread still hangs, as in the resolution of a name.
        self._link.close()

    def _run(self, link: Link, subscriber: Subscriber) -> None:
        sender = threading.Thread(
            target=Sender(link, self._connection, self._patience).run, name="mesos calls", daemon=True
        )
        sender.start()
        try:
            subscriber.run()
        finally:
            # The first reason counts, so this is only told where there is none.
            link.finish(Stopped(End.ERROR, "the driver failed by itself", "this is a fault of ciprov: report it"))
            if self._leaders is not None:
                self._leaders.stop()
            sender.join(self._patience.farewell_s)
            link.close()

    def _who_leads(self) -> Leaders:
        if isinstance(self._masters, ZooKeeperPath):
            return ElectionInZooKeeper(self._masters, self._patience, self._leader_changed, tls=self._leader_tls)
        return MasterList(self._masters)

    def _leader_changed(self, leader: Master) -> None:
        if self._link is None or self._subscriber is None:
            return
        self._link.nudge()
        if self._subscriber.master not in {None, leader}:
            self._link.break_off(Verdict(Loss.LEADER_CHANGED, f"{leader} leads now"))

    def _subscription(self) -> tuple[JsonObject, tuple[str, ...]]:
        if self._framework is None or self._link is None:
            raise AssertionError("asked before the start")
        info = framework_info(self._framework)
        if self._link.framework_id:
            info["id"] = {"value": self._link.framework_id}
        return info, tuple(sorted(self._suppressed))

    def _tls_context(self) -> ssl.SSLContext:
        """The same authorities as for calls, which go through requests."""
        connection = self._connection
        authorities = connection.verify if isinstance(connection.verify, str) else DEFAULT_CA_BUNDLE_PATH
        with _naming(authorities):
            # Without a file it would load those of the system beside it.
            context = ssl.create_default_context(cafile=authorities)
        if connection.verify is False:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if connection.certificate:
            with _naming(f"{connection.certificate} {connection.key}".strip()):
                context.load_cert_chain(connection.certificate, connection.key or None)
        return context

    def _roles(self, roles: Collection[str]) -> frozenset[str]:
        ours = frozenset(self._framework.roles if self._framework else ())
        chosen = frozenset(roles) or ours
        if chosen - ours:
            raise UsageError(f"the framework has no role {min(chosen - ours)}", way_out=f"its roles: {sorted(ours)}")
        return chosen

    @property
    def _started(self) -> Link:
        if self._link is None:
            raise UsageError("the driver was not started", way_out="start it first")
        return self._link


@contextmanager
def _naming(files: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(f"{files}: {error.strerror or error}") from error


def _check(framework: Framework) -> None:
    place = f"Mesos framework {framework.name!r}"
    if not framework.name.strip() or not framework.roles:
        raise UsageError("a framework needs a name and at least one role", place=place)
    if not framework.user.strip():
        told = "it names no user: the master takes it so, and then every agent drops its tasks"
        raise UsageError(told, place=place, way_out="name a user that is on all agents, such as root")
    if len(framework.roles) > 1 and "MULTI_ROLE" not in framework.capabilities:
        raise UsageError("several roles need the capability MULTI_ROLE", place=place, way_out="add it, or use one role")
    if set(framework.suppressed) - set(framework.roles):
        raise UsageError("only roles of its own can be suppressed", place=place)
    if not 0 < framework.failover_timeout_s < 1e9:
        raise UsageError(
            "the failover timeout must be a number of seconds above 0: with 0 a lost connection kills all tasks",
            place=place,
            way_out="set days, such as 604800",
        )
