"""How a running deployment moves on. Pure: `progress(state, instances) -> (state, effects)`.

A deployment never times out, so time is no input: it moves only because an instance changed. The effects must have
been applied to the instances before `progress` is asked again; asking again then until no effect comes is harmless.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.deployments.plan import Plan
from ciprov.localcluster.deployments.rolling import allowance, considered_healthy, kill_order, serving
from ciprov.localcluster.deployments.scaling import Proposition, propose
from ciprov.localcluster.model import Action, ActionKind, Agent, Condition, Instance
from ciprov.localcluster.scheduling.constraints import spreads


@dataclass(frozen=True, slots=True)
class StartInstances:
    """Schedule new instances of the app's target definition."""

    app_id: str
    count: int


@dataclass(frozen=True, slots=True)
class KillInstance:
    """Decommission an instance: end its task, if it has one, and forget it."""

    instance_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class AppStopped:
    """The last instance of a removed app is gone."""

    app_id: str


@dataclass(frozen=True, slots=True)
class StepBegun:
    """`number` counts from 1."""

    number: int


@dataclass(frozen=True, slots=True)
class StepDone:
    number: int


@dataclass(frozen=True, slots=True)
class DeploymentDone:
    pass


Effect = StartInstances | KillInstance | AppStopped | StepBegun | StepDone | DeploymentDone


@dataclass(frozen=True, slots=True)
class Stopping:
    """All instances go."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Towards a count. `settled` ran before the scaling began: it does not wait for their health."""

    awaits_new: bool
    settled: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Replacing:
    """A rolling upgrade. `credited` are the new instances that have served and so have each allowed one kill."""

    capacity: int
    credited: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Done:
    pass


ActionState = Stopping | Scaling | Replacing | Done
Instances = Mapping[str, Sequence[Instance]]
"""The instances of the affected apps, by app."""


@dataclass(frozen=True, slots=True)
class DeploymentState:
    """Where a deployment is. `step` counts from 1 and is 0 before it begins; `actions` are those of that step."""

    plan: Plan
    step: int = 0
    actions: Mapping[str, ActionState] = field(default_factory=dict)
    finished: bool = False

    @property
    def current_actions(self) -> tuple[Action, ...]:
        return self.plan.steps[self.step - 1].actions if self.step else ()

    def replacing(self, app_id: str) -> bool:
        return isinstance(self.actions.get(app_id), Replacing)

    def open_for(self, app_id: str) -> bool:
        """Whether an action on the app is running or still to come."""
        return not isinstance(self.actions.get(app_id, Done()), Done) or any(
            action.app_id == app_id for step in self.plan.steps[self.step :] for action in step.actions
        )

    def awaits_restart(self, app_id: str) -> bool:
        """Whether a later step restarts the app: until then it stays as it was."""
        return any(
            action.app_id == app_id and action.kind is ActionKind.RESTART
            for step in self.plan.steps[self.step :]
            for action in step.actions
        )


def progress(
    state: DeploymentState,
    instances: Instances,
    touched: Collection[str] | None = None,
    agents: Mapping[str, Agent] = MappingProxyType({}),
) -> tuple[DeploymentState, tuple[Effect, ...]]:
    """Move on as far as the instances allow. `finished` is set together with the effect `DeploymentDone`.

    `touched` names the only apps whose instances may have changed since the last call; None means all. `agents` have
    the attributes over which apps may want to be spread.
    """
    effects: list[Effect] = []
    while not state.finished:
        if state.step:
            state, acted = _advance(state, instances, touched)
            effects += acted
            if not all(isinstance(action, Done) for action in state.actions.values()):
                break
            effects.append(StepDone(state.step))
        if state.step == len(state.plan.steps):
            effects.append(DeploymentDone())
            state = replace(state, finished=True, actions={})
        else:
            state, acted, touched = _begin(state, instances, agents)
            effects += acted
    return state, tuple(effects)


def _begin(
    state: DeploymentState, instances: Instances, agents: Mapping[str, Agent]
) -> tuple[DeploymentState, list[Effect], Collection[str]]:
    """The next step, and the apps for which nothing is to be done, so that they may be done already."""
    number = state.step + 1
    effects: list[Effect] = [StepBegun(number)]
    actions: dict[str, ActionState] = {}
    idle: list[str] = []
    for action in state.plan.steps[number - 1].actions:
        begun, acted = _begin_action(state.plan, action, _there(instances, action.app_id), agents)
        actions[action.app_id] = begun
        effects += acted
        if not acted:
            idle.append(action.app_id)
    return replace(state, step=number, actions=actions), effects, idle


def _there(instances: Instances, app_id: str) -> Sequence[Instance]:
    """Whose end is waited for: not that of tasks that are to go and cannot be reached."""
    return [instance for instance in instances.get(app_id, ()) if not instance.given_up]


def _begin_action(
    plan: Plan, action: Action, instances: Sequence[Instance], agents: Mapping[str, Agent]
) -> tuple[ActionState, list[Effect]]:
    target = plan.target(action.app_id)
    if action.kind is ActionKind.STOP or target is None:
        staying = [instance for instance in instances if not instance.decommissioned]
        return Stopping(), [KillInstance(instance.id, "app removed") for instance in staying]
    if action.kind is ActionKind.START:
        return Done(), []
    if action.kind is ActionKind.SCALE:
        proposition = propose(
            instances,
            target.instances,
            target.kill_selection,
            plan.kills.get(action.app_id, ()),
            spreads(target, instances, agents),
        )
        return _begin_scaling(target, instances, proposition)
    return _begin_replacing(target, instances)


def _begin_scaling(
    target: App, instances: Sequence[Instance], proposition: Proposition
) -> tuple[ActionState, list[Effect]]:
    settled = frozenset(instance.id for instance in instances if instance.condition is Condition.RUNNING)
    effects: list[Effect] = [
        KillInstance(instance_id, f"scaled to {target.instances}") for instance_id in proposition.kills
    ]
    if proposition.starts:
        effects.append(StartInstances(target.id, proposition.starts))
    return Scaling(proposition.starts > 0, settled), effects


def _begin_replacing(target: App, instances: Sequence[Instance]) -> tuple[ActionState, list[Effect]]:
    staying = [instance for instance in instances if not instance.decommissioned]
    old = [instance for instance in staying if instance.app_version != target.version]
    healthy = sum(considered_healthy(instance) for instance in old)
    allowed = allowance(target.instances, target.upgrade_strategy, healthy, len(staying), resident=target.resident)
    kills: list[Effect] = [
        KillInstance(instance.id, f"replaced by version {target.version}")
        for instance in kill_order(old)[: allowed.kill_at_once]
    ]
    starts = _starts(target, instances, allowed.capacity)
    return Replacing(allowed.capacity), [*kills, *starts]


def _starts(target: App, instances: Sequence[Instance], capacity: int) -> list[Effect]:
    """Old instances count until their tasks have ended, even when they are being killed."""
    old = sum(instance.app_version != target.version for instance in instances)
    started = sum(instance.app_version == target.version and instance.staying for instance in instances)
    count = min(target.instances - started, capacity - old - started)
    return [StartInstances(target.id, count)] if count > 0 else []


def _advance(
    state: DeploymentState, instances: Instances, touched: Collection[str] | None
) -> tuple[DeploymentState, list[Effect]]:
    effects: list[Effect] = []
    changed: dict[str, ActionState] = {}
    for app_id in state.actions if touched is None else touched:
        action = state.actions.get(app_id)
        target = state.plan.target(app_id)
        present = _there(instances, app_id)
        if isinstance(action, Stopping):
            if not present:
                changed[app_id] = Done()
                effects.append(AppStopped(app_id))
        elif isinstance(action, Scaling) and target is not None:
            changed[app_id], acted = _advance_scaling(target, action, present)
            effects += acted
        elif isinstance(action, Replacing) and target is not None:
            changed[app_id], acted = _advance_replacing(target, action, present)
            effects += acted
    changed = {app_id: action for app_id, action in changed.items() if action is not state.actions[app_id]}
    return (replace(state, actions={**state.actions, **changed}) if changed else state), effects


def _advance_scaling(target: App, action: Scaling, instances: Sequence[Instance]) -> tuple[ActionState, list[Effect]]:
    missing = target.instances - sum(instance.staying for instance in instances)
    if missing > 0:
        return action, [StartInstances(target.id, missing)]
    leaving = any(instance.decommissioned for instance in instances)
    there = sum(serving(instance) or instance.id in action.settled for instance in instances)
    if leaving or (action.awaits_new and there < target.instances):
        return action, []
    return Done(), []


def _advance_replacing(
    target: App, action: Replacing, instances: Sequence[Instance]
) -> tuple[ActionState, list[Effect]]:
    old = [instance for instance in instances if instance.app_version != target.version]
    served = frozenset(
        instance.id for instance in instances if instance.app_version == target.version and serving(instance)
    )
    fresh = served - action.credited
    staying = [instance for instance in old if not instance.decommissioned]
    effects: list[Effect] = [
        KillInstance(instance.id, f"replaced by version {target.version}")
        for instance in kill_order(staying)[: len(fresh)]
    ]
    effects += _starts(target, instances, action.capacity)
    if not old and len(served) >= target.instances:
        return Done(), effects
    return (replace(action, credited=action.credited | fresh) if fresh else action), effects
