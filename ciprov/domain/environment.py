"""The records of environments: what no cluster can give back, so the store keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ciprov.foundation.errors import CiprovError
from ciprov.foundation.json import JsonObject


class Phase(StrEnum):
    """Where an environment stands, as far as ciprov's own operations go."""

    CREATING = "creating"
    READY = "ready"
    UPDATING = "updating"
    FAILED = "failed"
    ASLEEP = "asleep"
    REMOVING = "removing"


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation that has begun and not ended: recorded before it acts, and with each step before that is taken.

    `name` is `up`, `down`, `sleep` or `wake`; `step` is the step begun last, for people, and `number` how many were.
    `restore` is the version of Marathon's root group to go back to (empty: nothing was there before), `going_back`
    whether that is under way. `settings` are what else is needed to go on, never a secret.
    """

    name: str
    since: datetime
    who: str
    step: str = ""
    number: int = 0
    restore: str = ""
    going_back: bool = False
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EnvironmentRecord:
    """One environment, keyed by `(cluster, name)`.

    `group_path` is its absolute Marathon group; `blueprint` the name in the blueprint's header, `blueprint_source` the
    file's text as used (so that `down` and later commands need no checkout) and `blueprint_file` where it came from.
    `parameters` are the resolved values with secret ones left out; `secret_fingerprints` are salted hashes that only
    tell whether a secret changed. `service_ports` maps `<app id relative to the group>/<port name or index>` to the
    allocated port. `app_ids` are all absolute app ids that ciprov ever put and has not yet seen gone: `down` works
    from them. `counts` are the instances per absolute app id that the blueprint asked for at the last `up` (the base
    of the three-way merge). `pending_counts` are the target counts of an operation under way, written BEFORE it acts,
    so that a crash between stop and start loses none. `claimed_ports` are the fixed host ports per absolute app id of
    the last `up`, also of one still under way. `passed_on` are marks per absolute app id of the fields that ciprov does
    not know, as they were last sent. `app_versions` are Marathon's versions of the definitions that the last `up` left.
    `operation` is what has begun and not ended. `pinned` says why it is never reaped (empty: it may be).
    `last_used_at` is the last sign of use besides `up`. `branch` of `git_remote` is what it was made for, as far as
    that was said, `branch_gone_since` when that branch was first missed. `team` is who pays for its `cpus` and `mem`
    (MiB), those of all instances that the last `up` asked for. `given_name` is what the user called it (usually the
    branch) before it was cut to the slug `name`. `revision` is the compare-and-set counter of the store.
    """

    cluster: str
    name: str
    group_path: str
    blueprint: str
    blueprint_file: str
    blueprint_source: str
    kind: str
    phase: Phase
    created_at: datetime
    updated_at: datetime
    owner: str = ""
    ttl_seconds: int | None = None
    expires_at: datetime | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    secret_fingerprints: Mapping[str, str] = field(default_factory=dict)
    service_ports: Mapping[str, int] = field(default_factory=dict)
    routes: tuple[JsonObject, ...] = ()
    app_ids: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    pending_counts: Mapping[str, int] = field(default_factory=dict)
    claimed_ports: Mapping[str, Sequence[int]] = field(default_factory=dict)
    passed_on: Mapping[str, str] = field(default_factory=dict)
    app_versions: Mapping[str, str] = field(default_factory=dict)
    operation: Operation | None = None
    pinned: str = ""
    last_used_at: datetime | None = None
    branch: str = ""
    git_remote: str = ""
    branch_gone_since: datetime | None = None
    team: str = ""
    cpus: float = 0.0
    mem: float = 0.0
    failure: str = ""
    given_name: str = ""
    revision: int = 0


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One operation on an environment, begun at `at`. `outcome` is empty while it runs or after a crash."""

    cluster: str
    name: str
    operation: str
    at: datetime
    who: str
    summary: str = ""
    outcome: str = ""
    ended_at: datetime | None = None
    id: int = 0


_SORTS = {"env": "environment", "agents": "agent service"}


@dataclass(frozen=True, slots=True)
class LockHolder:
    """Who holds a lock: `owner` is unique per process, `description` is for people (`user@host, pid 12, env up`)."""

    key: str
    owner: str
    description: str
    since: datetime
    expires_at: datetime

    @property
    def what(self) -> str:
        """What is locked, for people: `env/<cluster>/<name>` is an environment, `ports/<cluster>` a cluster's ports,
        `agents/<cluster>/<name>` an agent service.
        """
        sort, _, rest = self.key.partition("/")
        cluster, _, name = rest.rpartition("/")
        if sort in _SORTS and cluster and name:
            return f"{_SORTS[sort]} {name} on {cluster}"
        return f"the choice of ports on {rest}" if sort == "ports" and rest else self.key


@dataclass(frozen=True, slots=True)
class DeadLock:
    """What is left of a lock that nobody holds: `why` nobody does, for people."""

    key: str
    why: str


class LockHeld(CiprovError):
    """Somebody else holds the lock, or nobody can say who does (no `owner`): then `description` says why."""

    def __init__(self, holder: LockHolder) -> None:
        if holder.owner:
            since = f"{holder.since:%Y-%m-%d %H:%M:%S}"
            super().__init__(
                f"{holder.what} is locked by {holder.description} since {since} UTC",
                way_out="wait for its end, then repeat the command",
            )
        else:
            super().__init__(
                f"the lock of {holder.what} is lost, {holder.description}; nothing more is written",
                way_out="`ciprov env status` shows how it stands; repeat the command if it is still wanted",
            )
        self.holder = holder


class RecordChanged(CiprovError):
    """A compare-and-set write found another revision than the one read."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address a user can call: `url` for HTTP ports, `host:port` otherwise."""

    app: str
    name: str
    host: str
    port: int
    protocol: str = "tcp"
    url: str = ""
