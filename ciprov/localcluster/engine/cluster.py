"""The engine: takes every input in turn, lets the pure rooms decide, writes the decisions down, then acts.

    input ──▶ decide (deployments, scheduling, health) ──▶ settle until nothing moves ──▶ write ──▶ act outside

One input is handled at a time. What is reported while the engine acts waits in line, so nothing ever sees a state in
the middle of a decision, and a daemon killed at any point finds on its next start either the state before a turn or
the one after it. For the same reason an engine whose turn fails, because its database cannot be written, say, does
nothing any more: the daemon ends as if it were killed, and the next one goes on from what is written.
"""

from __future__ import annotations

import logging
import uuid
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

from ciprov.localcluster.api.port import Accepted, DeploymentView, Events, Locked, QueueEntry, TreeChange
from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.errors import TooManyDeployments, Unavailable
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.deployments.locks import MAX_RUNNING_DEPLOYMENTS, conflicting
from ciprov.localcluster.deployments.plan import plan
from ciprov.localcluster.deployments.revert import restarted, revert
from ciprov.localcluster.deployments.versions import stamp
from ciprov.localcluster.engine.absences import Absent, NotPossible
from ciprov.localcluster.engine.announcing import group_change_failed, group_change_success
from ciprov.localcluster.engine.database import Database
from ciprov.localcluster.engine.deploying import Deploying
from ciprov.localcluster.engine.launching import Launching
from ciprov.localcluster.engine.outbox import Outbox
from ciprov.localcluster.engine.ports import Outside, ProbeReport, ReadinessReport, StatusReport
from ciprov.localcluster.engine.routing import Routing
from ciprov.localcluster.engine.state import State
from ciprov.localcluster.engine.tasks import Tasks
from ciprov.localcluster.engine.views import deployment_view
from ciprov.localcluster.master.master import Master
from ciprov.localcluster.model import UNREACHABLE, Agent, Condition, Instance, Resources, TaskFailure
from ciprov.localcluster.runtimes.port import TaskUpdate
from ciprov.localcluster.scheduling.launch_queue import DelayReset, Wanted, view, waiting
from ciprov.localcluster.timestamps import timestamp
from ciprov.localcluster.tree.edit import with_app
from ciprov.localcluster.tree.lookup import find_app, find_group
from ciprov.localcluster.tree.rules import check_tree

logger = logging.getLogger(__name__)

T = TypeVar("T")

RETURN_CHECK_SECONDS = 5.0
"""How long after an agent's return its apps are brought to their counts; Marathon looks every five minutes."""

SCALE_CHECK_SECONDS = 300.0
"""How long after a cancelled deployment its apps are brought to their counts, if nobody else did."""


class _Declined(Exception):
    """A change was refused before anything was touched; the reason is for whoever asked."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(reason)
        self.reason = reason


class ClusterEngine:
    """`api.port.Engine` and `engine.ports.Inputs`. `recover` is to be awaited once before anything else."""

    def __init__(self, database: Database, outside: Outside) -> None:
        self._database = database
        self._outside = outside
        self._state = State(database, outside.agents)
        self._outbox = Outbox(outside.events)
        self._launching = Launching(self._state, outside, self._outbox, self.task_updated)
        self._tasks = Tasks(self._state, outside, self._outbox, self._launching)
        self._deploying = Deploying(self._state, self._outbox, self._launching, self._tasks)
        self._absent = Absent(self._state, outside, self._outbox, self._launching, self._tasks)
        self.master = Master(self._state, outside, self._outbox, self._launching, self)
        self._routing = Routing(self._state, outside.agents[0].hostname if outside.agents else "")
        self._line: deque[Callable[[], None]] = deque()
        self._busy = False
        self._recovering = False
        self._failed = False
        self._last_version = datetime.min.replace(tzinfo=UTC)
        self._launching.paused = True

    # Turns

    def turn(self, decide: Callable[[], T]) -> T:
        """One input of the master's, which decides by what the engine knows. Raises Unavailable."""
        return self._turn(decide)

    def _turn(self, decide: Callable[[], T]) -> T:
        """One input: decide, settle, write, act; then whatever came meanwhile."""
        if self._failed:
            raise Unavailable("the embedded cluster stops because of a fault; its log has the reason")
        if self._busy:
            raise RuntimeError("the engine was asked for a change from within its own action")
        self._busy = True
        try:
            result = decide()
            self._complete()
            while self._line:
                self._line.popleft()()
                self._complete()
        except _Declined as declined:
            raise declined.reason from None
        except Exception as error:
            self._failed = True
            self._outside.give_up(error)
            raise
        finally:
            self._busy = False
        return result

    def _report(self, decide: Callable[[], None]) -> None:
        if self._busy or self._recovering:
            self._line.append(decide)
        else:
            self._turn(decide)

    def _complete(self) -> None:
        while True:
            self._routing.refresh(self._state.touched)
            if self._deploying.settle():
                continue
            if not self._launching.due:
                break
            self._launching.launch_due()
        routes = self._routing.changed()
        if routes is not None:
            self._outbox.do(partial(self._outside.forwarder.update, routes))
        self.master.settle()
        self._state.save()
        self._outbox.flush()
        self._launching.arm(partial(self._report, self._launching.woken))
        self._absent.arm(partial(self._report, self._absent.woken))
        self.master.arm(partial(self._report, self.master.woken))

    # Reports from outside

    def task_updated(self, update: TaskUpdate) -> None:
        self._report(partial(self._updated, update))

    def _updated(self, update: TaskUpdate) -> None:
        if not self.master.took(update) and not self._absent.took(update):
            self._tasks.updated(update)

    def probed(self, report: ProbeReport | StatusReport) -> None:
        self._report(partial(self._tasks.probed, report))

    def readiness_probed(self, report: ReadinessReport) -> None:
        self._report(partial(self._tasks.readiness_probed, report))

    async def recover(self) -> None:
        """Go on where the last daemon stopped. Nothing is launched until the runtime knows what still runs."""
        self._turn(self._restore)
        instances = list(self._state.instances.values())
        self._recovering = True
        try:
            await self._outside.runtime.recover([*self._state.expected_tasks(), *self.master.expected_tasks()])
        finally:
            self._recovering = False
        self._turn(lambda: None)
        self._turn(partial(self._resume, [it.id for it in instances if it.condition is Condition.RUNNING]))

    def _restore(self) -> None:
        if not self._state.root.version:
            self._state.set_root(replace(self._state.root, version=self._next_version()))
        for instance in self._state.instances.values():
            if instance.condition is Condition.SCHEDULED:
                self._launching.tell(Wanted(self._state.definition(instance)))

    def _resume(self, ran_before: Sequence[str]) -> None:
        for instance_id in ran_before:
            instance = self._state.instances.get(instance_id)
            if instance is not None and instance.condition is Condition.RUNNING:
                self._state.put(self._tasks.watched(instance, self._state.definition(instance)))
        for instance in self._state.instances.values():
            if instance.condition is Condition.KILLING:
                self._tasks.order_kill(instance)
        self._absent.resume()
        self.master.resume()
        self._launching.resume()
        self._deploying.stirred.update(self._state.deployments)
        self._deploying.even_out({*self._state.apps, *self._state.by_app})
        self._routing.refresh(self._state.apps)

    def pause_launching(self) -> None:
        """The daemon stops: what ends from now on waits for the next start, without a delay for it."""
        self._turn(self._launching.pause)

    # Changes

    def change(self, change: TreeChange, *, force: bool, group_id: str, restart: Collection[str] = ()) -> Accepted:
        """See `api.port.Engine`."""
        return self._turn(lambda: self._change(change, force, group_id, restart, {}))

    def _change(
        self,
        change: TreeChange,
        force: bool,
        group_id: str,
        restart: Collection[str],
        kills: Mapping[str, frozenset[str]],
    ) -> Accepted:
        version = self._next_version()
        try:
            root = stamp(self._state.root, change(self._state.root, version), version, restart)
            made = plan(self._state.root, root, version, str(uuid.uuid4()), restart, kills)
            conflicts = conflicting(made, self._state.deployments.values())
            if not force and len(self._state.deployments) >= MAX_RUNNING_DEPLOYMENTS:
                raise TooManyDeployments(MAX_RUNNING_DEPLOYMENTS)
            if conflicts and not force:
                raise Locked(conflicts)
        except Exception as error:
            self._outbox.announce(group_change_failed(group_id, version, str(error)))
            self._outbox.flush()
            raise _Declined(error) from error
        for plan_id in conflicts:
            self._cancel(plan_id)
        if root is not self._state.root:
            self._state.set_root(root)
        self._state.touched.update(made.apps)
        self._outbox.announce(group_change_success(group_id, version))
        self._deploying.begin(made)
        return Accepted(made.id, version)

    def cancel(self, deployment_id: str, *, force: bool) -> Accepted | None:
        """See `api.port.Engine`. Raises InvalidObject where what came since leaves no room for what was before."""
        undone = self._state.deployments[deployment_id].plan

        def reverted(root: Group, _: str) -> Group:
            new = revert(undone, root)
            check_tree(root, new)
            return new

        def decide() -> Accepted | None:
            accepted = None
            if not force:
                again = restarted(undone) & self._state.apps.keys()
                accepted = self._change(reverted, True, "/", again, {})
            # A rollback cancels what it touches; one that has nothing to undo touches nothing.
            if deployment_id in self._state.deployments:
                self._cancel(deployment_id)
            return accepted

        return self._turn(decide)

    def _cancel(self, deployment_id: str) -> None:
        deployment = self._state.deployments[deployment_id]
        self._deploying.cancel(deployment)
        check = partial(self._deploying.even_out, deployment.plan.affected_apps)
        self._outbox.do(lambda: self._later(SCALE_CHECK_SECONDS, check))

    def _later(self, seconds: float, decide: Callable[[], None]) -> None:
        self._outside.call_later(seconds, lambda: self._report(decide))

    def kill(self, instance_ids: Collection[str], *, wipe: bool) -> None:
        """See `api.port.Engine`. Instances that wait for launch have nothing to kill."""

        def decide() -> None:
            for instance_id in instance_ids:
                instance = self._state.instances.get(instance_id)
                if instance is not None and instance.condition is not Condition.SCHEDULED:
                    if wipe and instance.condition in UNREACHABLE:
                        self._absent.expunge(instance)
                    else:
                        self._tasks.kill(instance, decommission=wipe)

        self._turn(decide)

    def scale_down(self, instance_ids: Collection[str], *, force: bool) -> Accepted:
        """See `api.port.Engine`. Unknown instances are ignored."""
        kills: dict[str, set[str]] = {}
        for instance_id in instance_ids:
            instance = self._state.instances.get(instance_id)
            if instance is not None and not instance.decommissioned:
                kills.setdefault(instance.app_id, set()).add(instance_id)

        def lowered(root: Group, _: str) -> Group:
            for app_id, ids in kills.items():
                app = find_app(root, app_id)
                if app is not None:
                    root = with_app(root, app.model_copy(update={"instances": max(0, app.instances - len(ids))}))
            return root

        named = {app_id: frozenset(ids) for app_id, ids in kills.items()}
        group_id = next(iter(kills), "/").rpartition("/")[0] or "/"
        return self._turn(lambda: self._change(lowered, force, group_id, (), named))

    def reset_delay(self, app_id: str) -> bool:
        """See `api.port.Engine`."""
        if not waiting(self._state.queue, app_id):
            return False
        self._turn(partial(self._launching.tell, DelayReset(app_id)))
        return True

    # Agents

    def drain_agent(self, agent_id: str) -> None:
        """No more offers, its tasks are killed. Raises KeyError, and `NotPossible` where it is lost."""
        agent = self._state.ledger.agents[agent_id]
        if agent.lost:
            raise NotPossible(f"{agent.id} is lost, so nobody can tell it to end its tasks; let it return first")
        self._turn(partial(self._absent.drain, agent))

    def lose_agent(self, agent_id: str) -> None:
        """As if cut off from the network: its tasks run on, unreachable. Raises KeyError."""
        self._turn(partial(self._absent.lose, self._state.ledger.agents[agent_id]))

    def return_agent(self, agent_id: str) -> None:
        """It makes offers again; tasks that were replaced meanwhile are one too many, which is mended soon."""
        apps = self._turn(partial(self._absent.bring_back, self._state.ledger.agents[agent_id]))
        if apps:
            self._later(RETURN_CHECK_SECONDS, partial(self._deploying.even_out, apps))

    def _next_version(self) -> str:
        """Now, to the millisecond, but later than any before."""
        now = self._outside.now().astimezone(UTC)
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        last = max(self._last_version, _moment(self._state.root.version))
        self._last_version = max(now, last + timedelta(milliseconds=1))
        return timestamp(self._last_version)

    # Views

    @property
    def events(self) -> Events:
        return self._outside.events

    @property
    def root(self) -> Group:
        return self._state.root

    @property
    def agents(self) -> Sequence[Agent]:
        return tuple(self._state.ledger.agents.values())

    def instances(self, app_id: str | None = None) -> Sequence[Instance]:
        """All of them, those that wait for launch too."""
        if app_id is None:
            return tuple(self._state.instances.values())
        return self._state.by_app.get(app_id, ())

    def strays(self) -> Sequence[Instance]:
        return tuple(self._state.absences.strays.values())

    def held_by_frameworks(self) -> Mapping[str, Resources]:
        return self.master.known.held()

    def last_failure(self, app_id: str) -> TaskFailure | None:
        return self._state.failures.get(app_id)

    def app_versions(self, app_id: str) -> Sequence[str]:
        return self._database.app_versions(app_id)

    def app_version(self, app_id: str, version: str) -> App | None:
        try:
            return self._state.app(app_id, version)
        except KeyError:
            return None

    def group_versions(self, group_id: str) -> Sequence[str]:
        return self._database.group_versions(group_id)

    def group_version(self, group_id: str, version: str) -> Group | None:
        """The group as of one of its own versions, or of the root's."""
        try:
            return self._database.group(group_id, version)
        except KeyError:
            pass
        try:
            return find_group(self._database.group("/", version), group_id)
        except KeyError:
            return None

    def deployments(self) -> Sequence[DeploymentView]:
        return [deployment_view(deployment, self._state) for deployment in self._state.deployments.values()]

    def queue(self) -> Sequence[QueueEntry]:
        """With the instances that have a place in no queue yet: Marathon counts them all."""
        entries = view(self._state.queue, self._outside.now())
        return tuple(replace(entry, count=entry.count + self._launching.owed_to(entry.app)) for entry in entries)


def _moment(version: str) -> datetime:
    return datetime.fromisoformat(version) if version else datetime.min.replace(tzinfo=UTC)
