"""What runtimes and probes report about tasks, and the killing of tasks."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.engine.announcing import Announcement, instance_changed, status_update
from ciprov.localcluster.engine.ending import successor_version
from ciprov.localcluster.engine.launching import Launching, kill_grace
from ciprov.localcluster.engine.outbox import Outbox
from ciprov.localcluster.engine.ports import Outside, ProbeReport, ReadinessReport, StatusReport
from ciprov.localcluster.engine.state import State
from ciprov.localcluster.engine.task_environment import task_environment
from ciprov.localcluster.health.machine import Kill, Outcome, Publish, observe
from ciprov.localcluster.model import ENDED, TASK_STATES, UNREACHABLE, Condition, Instance, TaskFailure
from ciprov.localcluster.runtimes.port import TaskUpdate
from ciprov.localcluster.scheduling.agents import resources_of
from ciprov.localcluster.scheduling.launch_queue import TaskEnded, TaskUp

_FAILURES = frozenset({Condition.FAILED, Condition.ERROR, Condition.LOST})


class Tasks:
    """Takes reports about tasks. Reports about tasks that are no longer known are dropped: they came too late."""

    def __init__(self, state: State, outside: Outside, outbox: Outbox, launching: Launching) -> None:
        self._state = state
        self._outside = outside
        self._outbox = outbox
        self._launching = launching

    def _find(self, task_id: str) -> Instance | None:
        instance_id = self._state.by_task.get(task_id)
        return self._state.instances[instance_id] if instance_id is not None else None

    def updated(self, update: TaskUpdate) -> None:
        instance = self._find(update.task_id)
        if instance is None:
            return
        if update.condition in ENDED:
            self._ended(instance, update)
        elif update.condition is Condition.RUNNING and instance.condition is Condition.STAGING:
            self._came_up(instance, update)

    def _came_up(self, instance: Instance, update: TaskUpdate) -> None:
        now = self._outside.now()
        app = self._state.definition(instance)
        running = replace(
            instance,
            condition=Condition.RUNNING,
            since=now,
            started_at=now,
            message=update.message,
            address=update.address,
        )
        self._launching.tell(TaskUp(app))
        self._outbox.announce(status_update(running, Condition.RUNNING, update.message))
        self._outbox.announce(instance_changed(running))
        self._state.put(self.watched(running, app))

    def watched(self, instance: Instance, app: App) -> Instance:
        """Begin to probe a running instance; readiness counts during deployments only."""
        if app.health_checks or app.check is not None:
            self._outbox.do(partial(self._outside.prober.start, instance, app, task_environment(app, instance)))
        if instance.ready:
            return instance
        deployment = self._state.deployment(app.id)
        if app.readiness_checks and deployment is not None and deployment.open_for(app.id):
            self._outbox.do(partial(self._outside.prober.start_readiness, instance, app))
            return instance
        return replace(instance, ready=True)

    def _ended(self, instance: Instance, update: TaskUpdate) -> None:
        state = self._state
        app = state.definition(instance)
        # Whatever way a task ends that was asked to: the kill ended it, and kills add no delay.
        condition = Condition.KILLED if instance.condition is Condition.KILLING else update.condition
        ended = replace(instance, condition=condition, since=self._outside.now(), message=update.message)
        state.ledger = state.ledger.give(instance.agent_id, resources_of(app, instance.ports))
        state.readiness.pop(instance.task_id, None)
        if condition in _FAILURES:
            self._note_failure(ended, TASK_STATES[condition], update.message)
        self._outbox.do(partial(self._outside.prober.stop, instance.task_id))
        self._outbox.announce(status_update(instance, condition, update.message))
        self._outbox.announce(instance_changed(ended))
        self._launching.tell(TaskEnded(app, condition))
        current = state.apps.get(app.id)
        version = successor_version(instance, current, state.deployment(app.id), state.staying(app.id))
        if version is None:
            state.drop(instance)
        elif current is not None and version == current.version:
            self._launching.reschedule(ended, current)
        else:
            self._launching.reschedule(ended, app)

    def _note_failure(self, instance: Instance, task_state: str, message: str) -> None:
        self._state.set_failure(
            TaskFailure(
                app_id=instance.app_id,
                task_id=instance.task_id,
                host=instance.host,
                agent_id=instance.agent_id,
                state=task_state,
                message=message,
                timestamp=self._outside.now(),
                version=instance.app_version,
            )
        )

    def probed(self, report: ProbeReport | StatusReport) -> None:
        instance = self._find(report.task_id)
        if instance is None or instance.condition is not Condition.RUNNING:
            return
        if isinstance(report, StatusReport):
            self._state.note(replace(instance, check_result=report.result))
            return
        app = self._state.definition(instance)
        outcome = Outcome(report.index, report.ok, report.cause)
        results, effects = observe(instance.health, outcome, app, instance, self._outside.now())
        changed = replace(instance, health=results)
        if [result.alive for result in results] == [result.alive for result in instance.health]:
            self._state.note(changed)
        else:
            self._state.put(changed)
        for effect in effects:
            if isinstance(effect, Publish):
                self._outbox.announce(Announcement(effect.event_type, effect.fields))
            elif isinstance(effect, Kill):
                self._note_failure(changed, TASK_STATES[Condition.KILLED], f"Task was killed since {effect.reason}")
                self.kill(changed, decommission=False)

    def readiness_probed(self, report: ReadinessReport) -> None:
        instance = self._find(report.task_id)
        if instance is None or instance.condition is not Condition.RUNNING:
            return
        answers = self._state.readiness.setdefault(report.task_id, {})
        answers[report.index] = report
        checks = self._state.definition(instance).readiness_checks
        if all(index in answers and answers[index].ready for index in range(len(checks))):
            self._state.put(replace(instance, ready=True))

    def kill(self, instance: Instance, *, decommission: bool) -> None:
        """End the instance's task. Decommissioned, the instance is forgotten then; else it is launched again."""
        if instance.condition is Condition.SCHEDULED:
            if decommission:
                self._launching.withdraw(instance)
            return
        if instance.condition in UNREACHABLE:
            # Nobody reaches its task. It is killed when its agent returns, and replaced until then.
            self._state.put(replace(instance, decommissioned=True))
            return
        first = instance.condition is not Condition.KILLING
        killing = replace(instance, condition=Condition.KILLING, decommissioned=instance.decommissioned or decommission)
        if killing != instance:
            self._state.put(killing)
        if first:
            self._outbox.announce(status_update(killing, Condition.KILLING, ""))
            self._outbox.announce(instance_changed(killing))
            self.order_kill(killing)

    def order_kill(self, instance: Instance) -> None:
        grace = kill_grace(self._state.definition(instance))
        self._outbox.do(partial(self._outside.prober.stop, instance.task_id))
        self._outbox.do(partial(self._outside.runtime.kill, instance.task_id, grace))
