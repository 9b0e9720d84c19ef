"""Instances from the launch queue onto agents: scheduling, placing, launching, and when to try again."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.engine.announcing import instance_changed, status_update
from ciprov.localcluster.engine.container_spec import container_spec, persistent_volumes
from ciprov.localcluster.engine.outbox import Outbox
from ciprov.localcluster.engine.ports import Outside, Timer
from ciprov.localcluster.engine.state import State
from ciprov.localcluster.engine.task_environment import task_environment
from ciprov.localcluster.health.machine import initial
from ciprov.localcluster.model import Condition, Instance
from ciprov.localcluster.runtimes.port import LaunchSpec, Report, TaskUpdate
from ciprov.localcluster.scheduling.launch_queue import (
    Entry,
    Event,
    Key,
    Matched,
    Refused,
    TaskUp,
    Wanted,
    delayed_until,
    due,
    handle,
    key_of,
    next_wakeup,
)
from ciprov.localcluster.scheduling.matching import Placement, Rejection, fixed_ports, match

logger = logging.getLogger(__name__)

FOREIGN_PORT_RETRY_SECONDS = 5.0
"""Nobody tells when a foreign process lets go of a port, so it is asked for again after this time."""

DEFAULT_KILL_GRACE_SECONDS = 3.0
"""What the executor allows where the app says nothing."""

WAITING_AT_MOST = 500
"""So many instances of one app wait for launch as records of their own; the rest comes as these are launched."""

_EARLY = 0.001
"""Timers may fire a little early; a wake-up before the delay's end would be for nothing."""


def kill_grace(app: App) -> float:
    given = app.task_kill_grace_period_seconds
    return DEFAULT_KILL_GRACE_SECONDS if given is None else given


def launch_spec(app: App, instance: Instance) -> LaunchSpec:
    """What the runtime needs; `instance` has its agent and ports already."""
    return LaunchSpec(
        task_id=instance.task_id,
        shell=app.cmd,
        argv=() if app.cmd is not None else app.args,
        environment=task_environment(app, instance),
        fetch=app.fetch,
        kill_grace_seconds=kill_grace(app),
        user=app.user,
        container=container_spec(app, instance),
        persistent=persistent_volumes(app, instance),
        tty=bool(app.tty),
    )


def unlaunchable(app: App) -> str:
    """Why no runtime can run the app, in words for its user; empty where one can."""
    if app.cmd is None and not app.args and (app.container is None or app.container.docker is None):
        return f"{app.id} has neither cmd, args nor an image, so there is nothing to run"
    return ""


class Launching:
    """The launch queue's shell."""

    def __init__(self, state: State, outside: Outside, outbox: Outbox, report: Report) -> None:
        self._state = state
        self._outside = outside
        self._outbox = outbox
        self._timer: Timer | None = None
        self._wakeup: datetime | None = None
        self._foreign_ports = False
        self._report = report
        self._new: set[Key] = set()
        self._room = False
        self._owed: dict[str, tuple[Key, int]] = {}
        self.paused = False

    @property
    def due(self) -> bool:
        """Whether something may have become launchable since `launch_due`."""
        return not self.paused and (self._room or bool(self._new))

    def tell(self, event: Event) -> None:
        """Pass an event to the queue. What an agent refused is offered again only when there is more room."""
        self._state.queue = handle(self._state.queue, event, self._outside.now())
        if isinstance(event, Wanted):
            self._new.add(key_of(event.app))
        elif not isinstance(event, TaskUp):
            self._room = True

    def schedule(self, app: App, count: int) -> None:
        """New instances of `app` wait for launch: all that are missing, of which some may be owed for now.

        Whoever asks does so again whenever an instance of the app has changed, so what is owed comes as others leave
        the queue.
        """
        now = min(count, WAITING_AT_MOST - len(self._state.waiting.get(key_of(app), ())))
        if now < count:
            self._owed[app.id] = (key_of(app), count - max(0, now))
        if now <= 0:
            return
        for _ in range(now):
            instance = Instance(
                id=f"{app.id.strip('/').replace('/', '_')}.instance-{uuid.uuid4()}",
                app_id=app.id,
                app_version=app.version,
                condition=Condition.SCHEDULED,
                since=self._outside.now(),
                health=initial(app),
            )
            self._state.put(instance)
            self._outbox.announce(instance_changed(instance))
        self.tell(Wanted(app, now))

    def owed_to(self, app: App) -> int:
        """How many instances of `app` are wanted that do not wait as records of their own."""
        key, count = self._owed.get(app.id, (key_of(app), 0))
        return count if key == key_of(app) else 0

    def forget_owed(self, app_ids: Iterable[str]) -> None:
        """Something happened to these apps: what is owed to them is about to be told anew."""
        for app_id in app_ids:
            self._owed.pop(app_id, None)

    def reschedule(self, instance: Instance, app: App) -> None:
        """An instance whose task has ended waits for another launch, as `app`."""
        again = replace(
            instance,
            app_version=app.version,
            condition=Condition.SCHEDULED,
            since=self._outside.now(),
            attempt=instance.attempt + 1,
            agent_id="",
            host="",
            ports=(),
            staged_at=None,
            started_at=None,
            address="",
            check_result={},
            health=initial(app),
            ready=False,
        )
        self._state.put(again)
        self._outbox.announce(instance_changed(again))
        self.tell(Wanted(app))

    def withdraw(self, instance: Instance) -> None:
        """A waiting instance is wanted no more."""
        app = self._state.definition(instance)
        self._state.drop(instance)
        self.tell(Wanted(app, -1))

    def launch_due(self) -> None:
        """Place whatever waits for nothing but an agent."""
        new, room = self._new, self._room
        self._new, self._room = set(), False
        if room:
            self._foreign_ports = False
        for entry in due(self._state.queue, self._outside.now()):
            if room or key_of(entry.app) in new:
                self._launch_entry(entry)

    def _launch_entry(self, entry: Entry) -> None:
        now = self._outside.now()
        while waiting := self._state.waiting.get(key_of(entry.app)):
            if delayed_until(self._state.queue, entry.app, now) > now:
                return
            instance = self._state.instances[next(iter(waiting))]
            app = self._state.definition(instance)
            placement = self._place(app, instance)
            if isinstance(placement, Rejection):
                self._foreign_ports = self._foreign_ports or bool(placement.blocked_ports)
                self._state.queue = handle(self._state.queue, Refused(app, placement), now)
                return
            self._launch(instance, app, placement)

    def _place(self, app: App, instance: Instance) -> Placement | Rejection:
        """Any free port may be handed out, so those that other apps insist on are handed out last."""
        spoken_for = self._state.fixed_ports - fixed_ports(app)
        found = self._match(app, instance, spoken_for)
        return self._match(app, instance, frozenset()) if isinstance(found, Rejection) and spoken_for else found

    def _match(self, app: App, instance: Instance, avoided: frozenset[int]) -> Placement | Rejection:
        """Foreign processes are looked for on the ports that were picked only: an agent offers a thousand."""
        instances = self._state.by_app.get(app.id, ())
        while True:
            found = match(app, instances, self._state.ledger, avoided, instance.task_id)
            if isinstance(found, Rejection):
                return found
            held = {port for port in found.ports if port and self._outside.port_held(found.host, port)}
            if not held:
                return found
            avoided |= held

    def _launch(self, instance: Instance, app: App, placement: Placement) -> None:
        now = self._outside.now()
        self._state.ledger = self._state.ledger.take(placement.agent_id, placement.resources)
        staged = replace(
            instance,
            condition=Condition.STAGING,
            since=now,
            staged_at=now,
            agent_id=placement.agent_id,
            host=placement.host,
            ports=placement.ports,
            message="",
        )
        self._state.put(staged)
        for event in (Matched(app, placement), TaskUp(app)):
            self._state.queue = handle(self._state.queue, event, now)
        self._outbox.announce(status_update(staged, Condition.STAGING, ""))
        self._outbox.announce(instance_changed(staged))
        fault = unlaunchable(app)
        if fault:
            self._outbox.do(partial(self._report, TaskUpdate(staged.task_id, Condition.ERROR, fault)))
        else:
            self._outbox.do(partial(self._start, launch_spec(app, staged)))

    def _start(self, spec: LaunchSpec) -> None:
        try:
            self._outside.runtime.launch(spec)
        except Exception as error:
            logger.exception("task_id=%s could not be launched", spec.task_id)
            self._report(TaskUpdate(spec.task_id, Condition.ERROR, f"the runtime refused the task: {error}"))

    def next_try(self) -> datetime | None:
        """When launching may succeed though nothing happens until then."""
        if self.paused:
            return None
        now = self._outside.now()
        moments = [next_wakeup(self._state.queue, now) if self._state.queue.delays else None]
        if self._foreign_ports:
            retry = now + timedelta(seconds=FOREIGN_PORT_RETRY_SECONDS)
            moments.append(min(self._wakeup, retry) if self._wakeup and self._wakeup > now else retry)
        return min((moment for moment in moments if moment is not None), default=None)

    def arm(self, wake: partial[None]) -> None:
        """Let `wake` be called at the next try; without one no timer runs."""
        if self._wakeup is not None and self._wakeup <= self._outside.now():
            # Due already: the timer is about to fire, and nobody else tries what became launchable by time alone.
            return
        wakeup = self.next_try()
        if wakeup == self._wakeup:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._wakeup, self._timer = wakeup, None
        if wakeup is not None:
            seconds = max(0.0, (wakeup - self._outside.now()).total_seconds()) + _EARLY
            self._timer = self._outside.call_later(seconds, wake)

    def woken(self) -> None:
        self._wakeup = self._timer = None
        self._room = True

    def offered(self) -> None:
        """There is more room: an agent came back, or a task ended that was nobody's."""
        self._room = True

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        self._room = True
