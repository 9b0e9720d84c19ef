"""All that the engine knows, in memory, with the indexes that keep a change cheap.

Whatever must survive the daemon is noted in `unsaved` as it changes; whose apps changed is noted in `touched`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.deployments.progress import DeploymentState
from ciprov.localcluster.engine.database import Database, Unsaved
from ciprov.localcluster.engine.ports import ReadinessReport
from ciprov.localcluster.engine.records import Absences
from ciprov.localcluster.model import ENDED, HOLDS_RESOURCES, Agent, Condition, Instance, TaskFailure
from ciprov.localcluster.scheduling.agents import Ledger, resources_of
from ciprov.localcluster.scheduling.launch_queue import Key, LaunchQueue, key_of
from ciprov.localcluster.scheduling.matching import fixed_ports

_REMEMBERED_DEFINITIONS = 4096


class InstancesByApp(Mapping[str, Sequence[Instance]]):
    """The instances of each app, in the order in which they came."""

    def __init__(self) -> None:
        self._apps: dict[str, dict[str, Instance]] = {}

    def __getitem__(self, app_id: str) -> Sequence[Instance]:
        return tuple(self._apps[app_id].values())

    def __iter__(self) -> Iterator[str]:
        return iter(self._apps)

    def __len__(self) -> int:
        return len(self._apps)

    def put(self, instance: Instance) -> None:
        self._apps.setdefault(instance.app_id, {})[instance.id] = instance

    def drop(self, instance: Instance) -> None:
        there = self._apps[instance.app_id]
        del there[instance.id]
        if not there:
            del self._apps[instance.app_id]


class State:
    """The cluster. Readers use the attributes; whatever changes instances, deployments or the tree uses the methods."""

    def __init__(self, database: Database, agents: Sequence[Agent]) -> None:
        self._database = database
        self._stored_app = lru_cache(maxsize=_REMEMBERED_DEFINITIONS)(database.app)
        self.unsaved = Unsaved()
        self.touched: set[str] = set()
        self.root = database.root() or Group()
        self.apps = {app.id: app for app in self.root.all_apps()}
        self.fixed_ports = _fixed_ports(self.apps.values())
        self.failures = database.failures()
        self.absences = database.absences()
        self.instances: dict[str, Instance] = {}
        self.by_app = InstancesByApp()
        self.by_task: dict[str, str] = {}
        self.waiting: dict[Key, dict[str, None]] = {}
        self.readiness: dict[str, dict[int, ReadinessReport]] = {}
        self.deployments: dict[str, DeploymentState] = {}
        self.deployment_of: dict[str, str] = {}
        self.queue = LaunchQueue()
        for instance in database.instances():
            self._index(instance)
        held = (
            (instance.agent_id, resources_of(self.definition(instance), instance.ports))
            for instance in (*self.instances.values(), *self.absences.strays.values())
            if instance.condition in HOLDS_RESOURCES
        )
        self.ledger = Ledger.of((self._present(agent) for agent in agents), held)
        for deployment in database.deployments():
            self._enter(deployment)

    def definition(self, instance: Instance) -> App:
        """What the instance runs, or is to run."""
        return self.app(instance.app_id, instance.app_version)

    def app(self, app_id: str, version: str) -> App:
        """A definition, present or past. Raises KeyError."""
        current = self.apps.get(app_id)
        if current is not None and current.version == version:
            return current
        return self._stored_app(app_id, version)

    def deployment(self, app_id: str) -> DeploymentState | None:
        """The running deployment that holds the app's lock."""
        plan_id = self.deployment_of.get(app_id)
        return self.deployments[plan_id] if plan_id is not None else None

    def staying(self, app_id: str) -> int:
        """How many instances the app has that are not on their way out, nor given up for now."""
        return sum(instance.staying for instance in self.by_app.get(app_id, ()))

    def expected_tasks(self) -> list[str]:
        """The tasks that may still run when the daemon starts, of instances that were forgotten too."""
        instances = (*self.instances.values(), *self.absences.strays.values())
        ended = {task_id for task_id, update in self.absences.held.items() if update.condition in ENDED}
        ids = [instance.task_id for instance in instances if instance.condition in HOLDS_RESOURCES]
        return [task_id for task_id in ids if task_id not in ended]

    # The tree

    def set_root(self, root: Group) -> None:
        """Groups and apps that are not the objects they were before are new versions."""
        self._note_groups(self.root, root)
        apps = {app.id: app for app in root.all_apps()}
        for app in apps.values():
            if self.apps.get(app.id) is not app:
                self.unsaved.apps[app.id, app.version] = app
        self.root, self.apps = root, apps
        self.fixed_ports = _fixed_ports(apps.values())
        self.unsaved.root_version = root.version

    def _note_groups(self, old: Group | None, new: Group) -> None:
        if old is not new:
            self.unsaved.groups[new.id, new.version] = new
            for group_id, group in new.groups.items():
                self._note_groups(old.groups.get(group_id) if old else None, group)

    # Instances

    def put(self, instance: Instance) -> None:
        """Enter or change an instance."""
        self._index(instance)
        self.unsaved.instances[instance.id] = instance
        self.touched.add(instance.app_id)

    def note(self, instance: Instance) -> None:
        """Change what nobody decides by and what need not survive: the details of health results."""
        self.instances[instance.id] = instance
        self.by_app.put(instance)

    def drop(self, instance: Instance) -> None:
        self._unindex(self.instances.pop(instance.id))
        self.by_app.drop(instance)
        self.unsaved.instances[instance.id] = None
        self.touched.add(instance.app_id)

    def _index(self, instance: Instance) -> None:
        old = self.instances.get(instance.id)
        if old is not None:
            self._unindex(old)
        self.instances[instance.id] = instance
        self.by_app.put(instance)
        if instance.condition is Condition.SCHEDULED:
            self.waiting.setdefault(key_of(self.definition(instance)), {})[instance.id] = None
        else:
            self.by_task[instance.task_id] = instance.id

    def _unindex(self, instance: Instance) -> None:
        if instance.condition is not Condition.SCHEDULED:
            self.by_task.pop(instance.task_id, None)
            return
        key = key_of(self.definition(instance))
        waiting = self.waiting.get(key, {})
        waiting.pop(instance.id, None)
        if not waiting:
            self.waiting.pop(key, None)

    # Agents

    def set_agent(self, agent: Agent) -> None:
        """Enter whether an agent is there."""
        self.ledger = self.ledger.with_agent(agent)
        others = {agent.id}
        drained = self.absences.drained - others | (others if not agent.active and not agent.lost else set())
        lost = self.absences.lost - others | (others if agent.lost else set())
        self.set_absences(replace(self.absences, drained=drained, lost=lost))

    def set_absences(self, absences: Absences) -> None:
        self.absences = self.unsaved.absences = absences

    def _present(self, agent: Agent) -> Agent:
        lost = agent.id in self.absences.lost
        return replace(agent, active=not lost and agent.id not in self.absences.drained, lost=lost)

    # Failures

    def set_failure(self, failure: TaskFailure) -> None:
        self.failures[failure.app_id] = self.unsaved.failures[failure.app_id] = failure

    def forget_failure(self, app_id: str) -> None:
        if self.failures.pop(app_id, None) is not None:
            self.unsaved.failures[app_id] = None

    # Deployments

    def put_deployment(self, deployment: DeploymentState) -> None:
        self._enter(deployment)
        self.unsaved.deployments[deployment.plan.id] = deployment

    def _enter(self, deployment: DeploymentState) -> None:
        if deployment.plan.id not in self.deployments:
            self.deployment_of.update(dict.fromkeys(deployment.plan.apps, deployment.plan.id))
        self.deployments[deployment.plan.id] = deployment

    def drop_deployment(self, deployment: DeploymentState) -> None:
        del self.deployments[deployment.plan.id]
        for app_id in deployment.plan.apps:
            if self.deployment_of.get(app_id) == deployment.plan.id:
                del self.deployment_of[app_id]
        self.unsaved.deployments[deployment.plan.id] = None

    # The master beside Marathon

    def stored_mesos(self) -> Mapping[tuple[str, str], str]:
        """Its records as of the last daemon, by kind and id."""
        return self._database.mesos()

    def note_mesos(self, kind: str, name: str, record: str | None) -> None:
        """A record of the master's is new or changed, or removed where None."""
        self.unsaved.mesos[kind, name] = record

    def save(self) -> None:
        """Everything noted since the last time, in one transaction."""
        if self.unsaved:
            self._database.write(self.unsaved)
            self.unsaved = Unsaved()


def _fixed_ports(apps: Iterable[App]) -> frozenset[int]:
    """The host ports that any of the apps insists on."""
    return frozenset().union(*(fixed_ports(app) for app in apps))
