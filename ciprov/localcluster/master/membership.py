"""Frameworks come, fail over, go, and are removed."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ciprov.localcluster.engine.outbox import Outbox
from ciprov.localcluster.master.frameworks import Framework, fault, update_fault
from ciprov.localcluster.master.state import MasterState, Subscriber
from ciprov.localcluster.master.statuses import Json
from ciprov.localcluster.master.trading import Trading
from ciprov.localcluster.master.work import Work

logger = logging.getLogger(__name__)

MESOS_VERSION = "1.11.0"
HEARTBEAT_SECONDS = 15.0
RECOVERY_SECONDS = 60.0
"""So long at least a framework may take to find this cluster again after a restart."""


class Membership:
    """Decides in the turn of the engine; what it tells goes out when that is written down."""

    def __init__(self, known: MasterState, outbox: Outbox, trading: Trading, work: Work) -> None:
        self._known = known
        self._outbox = outbox
        self._trading = trading
        self._work = work

    def subscribe(self, body: Mapping[str, Any], subscriber: Subscriber, now: float) -> str:
        """The framework's id; empty where it was refused, which it has been told."""
        info = body["framework_info"]
        suppressed = tuple(body.get("suppressed_roles") or ())
        framework_id = (info.get("id") or {}).get("value", "")
        wrong = fault(info, suppressed)
        if framework_id in self._known.removed:
            wrong = "Framework has been removed"
        if wrong:
            logger.info("framework %s is refused: %s", info.get("name"), wrong)
            self._end(subscriber, wrong)
            return ""
        before = self._known.frameworks.get(framework_id)
        framework_id = framework_id or self._known.new_framework_id()
        framework = Framework(
            id=framework_id,
            info=(before.kept(info) if before else info) | {"id": {"value": framework_id}},
            suppressed=frozenset(suppressed),
            registered_at=before.registered_at if before else now,
            reregistered_at=now if before else None,
        )
        self._replace_stream(framework_id, subscriber)
        self._known.put_framework(framework)
        self._trading.withdraw(framework_id)
        logger.info("framework_id=%s %s", framework_id, "is back" if before else "has registered")
        self._outbox.do(partial(subscriber.push, _subscribed(framework_id, self._known.id, subscriber)))
        self._outbox.do(partial(subscriber.push, {"type": "HEARTBEAT"}))
        return framework_id

    def _replace_stream(self, framework_id: str, subscriber: Subscriber) -> None:
        old = self._known.streams.get(framework_id)
        if old is not None:
            self._end(old, "Framework failed over")
        self._known.streams[framework_id] = subscriber
        for key in [key for key in self._known.attempts if key[0] == framework_id]:
            del self._known.attempts[key]

    def _end(self, subscriber: Subscriber, message: str) -> None:
        self._outbox.do(partial(subscriber.push, {"type": "ERROR", "error": {"message": message}}))
        self._outbox.do(subscriber.close)

    def update(self, framework: Framework, body: Mapping[str, Any]) -> None:
        info = {**body["framework_info"], "id": {"value": framework.id}}
        suppressed = frozenset(body.get("suppressed_roles") or ())
        changed = replace(framework, info=info, suppressed=suppressed)
        self._known.put_framework(changed)
        self._trading.withdraw_roles(framework.id, changed.roles)

    def update_fault(self, framework: Framework, body: Mapping[str, Any]) -> str:
        """In Mesos' words; empty where there is none."""
        info = body["framework_info"]
        wrong = fault(info, tuple(body.get("suppressed_roles") or ()))
        if wrong:
            return f"Supplied FrameworkInfo is not valid: {wrong}"
        change = update_fault(framework.info, info)
        return f"FrameworkInfo update is not valid: {change}" if change else ""

    def disconnected(self, framework_id: str, now: float) -> None:
        """Its stream has ended, and nobody has taken its place."""
        del self._known.streams[framework_id]
        framework = self._known.frameworks[framework_id]
        logger.info("framework_id=%s has disconnected", framework_id)
        self._trading.withdraw(framework_id)
        self._known.put_framework(replace(framework, disconnected_at=now, grace_s=0.0))
        self.give_up_due(now)

    def give_up_due(self, now: float) -> None:
        """Remove those that stayed away for too long."""
        for framework in list(self._known.frameworks.values()):
            deadline = framework.given_up_at
            if deadline is not None and deadline <= now:
                logger.info("framework_id=%s did not come back within its failover timeout", framework.id)
                self.remove(framework, now)

    def next_due(self) -> float | None:
        deadlines = (framework.given_up_at for framework in self._known.frameworks.values())
        return min((moment for moment in deadlines if moment is not None), default=None)

    def remove(self, framework: Framework, now: float) -> None:
        """Its tasks are killed, and its id is none any more."""
        logger.info("framework_id=%s is removed", framework.id)
        self._trading.withdraw(framework.id)
        stream = self._known.streams.pop(framework.id, None)
        if stream is not None:
            self._outbox.do(stream.close)
        self._work.kill_all(framework.id)
        self._known.remove_framework(replace(framework, disconnected_at=now))
        for task in self._known.tasks_of(framework.id):
            if task.ended:
                self._known.put_task(replace(task, pending=()))

    def resume(self, now: float) -> None:
        """After a restart nobody is connected, and nobody is to blame."""
        for framework in list(self._known.frameworks.values()):
            self._known.put_framework(replace(framework, disconnected_at=now, grace_s=RECOVERY_SECONDS))


def _subscribed(framework_id: str, master_id: str, subscriber: Subscriber) -> Json:
    host, port = subscriber.endpoint
    return {
        "type": "SUBSCRIBED",
        "subscribed": {
            "framework_id": {"value": framework_id},
            "heartbeat_interval_seconds": HEARTBEAT_SECONDS,
            "master_info": {
                "id": master_id,
                "ip": _ip_number(host),
                "port": port,
                "pid": f"master@{host}:{port}",
                "hostname": host,
                "version": MESOS_VERSION,
                "address": {"hostname": host, "ip": host, "port": port},
                "capabilities": [],
            },
        },
    }


def _ip_number(host: str) -> int:
    """In the byte order in which Mesos gives it."""
    return int.from_bytes(ipaddress.IPv4Address(host).packed, "little")
