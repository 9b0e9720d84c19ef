"""What nobody owns any more, and what a look for it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ciprov.domain.environment import DeadLock, EnvironmentRecord
from ciprov.environments.tree import is_below
from ciprov.foundation.json import JsonObject


class Sort(StrEnum):
    """In the order in which they are removed."""

    LOCKS = "locks"
    APPS = "apps"
    RECORDS = "records"
    GROUPS = "groups"
    TASKS = "tasks"
    VOLUMES = "volumes"


@dataclass(frozen=True, slots=True)
class Orphan:
    """`environment` is whose it was, by name. `keep` says why it is only reported; empty: it may be removed.

    `way_out` is what else can be done about it. `resources` are what an agent (`agent_id`) keeps for a volume.
    """

    sort: Sort
    id: str
    environment: str
    why: str
    keep: str = ""
    way_out: str = ""
    agent_id: str = ""
    resources: tuple[JsonObject, ...] = ()

    @property
    def removable(self) -> bool:
        return not self.keep


@dataclass(frozen=True, slots=True)
class Sightings:
    """One look. `root` is Marathon's whole tree, `apps` all apps by id, `deploying` those under a deployment.

    `tasks` are those that Mesos has for Marathon's framework `framework_id`, `slaves` the master's agents; None: not
    known. `busy` tells by environment who holds its lock.
    """

    prefix: str
    root: JsonObject
    apps: Mapping[str, JsonObject]
    records: Sequence[EnvironmentRecord]
    deploying: frozenset[str] = frozenset()
    tasks: Sequence[JsonObject] | None = None
    slaves: Sequence[JsonObject] | None = None
    framework_id: str = ""
    dead_locks: Sequence[DeadLock] = ()
    busy: Mapping[str, str] = field(default_factory=dict)

    @property
    def whole_cluster(self) -> bool:
        """Whether the prefix is no mark: then everything of the cluster is below it."""
        return not self.prefix.strip("/")

    def inside(self, path: str) -> bool:
        return bool(path.strip("/")) and is_below(path, self.prefix)

    def environment_at(self, path: str) -> str:
        """The name of the environment that is, or would be, at `path`, which is inside."""
        for record in self.records:
            if path == record.group_path or is_below(path, record.group_path):
                return record.name
        return path.removeprefix(self.prefix.rstrip("/") + "/").split("/")[0].strip("/")

    def owner_of(self, path: str) -> EnvironmentRecord | None:
        """The record of the environment that `path` is below."""
        return next((record for record in self.records if is_below(path, record.group_path)), None)
