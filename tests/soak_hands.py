"""Whoever works on environments of an embedded cluster while it is soaked: the real services, in this process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ciprov.domain.environment import EnvironmentRecord
from ciprov.environments.lifetime.reaper import Orders, Reaping
from ciprov.environments.lifetime.reaping import Policy
from ciprov.environments.progress import Progress
from ciprov.environments.results import DownOptions, DownResult, UpOptions, UpResult
from ciprov.settings.loading import Options, load
from ciprov.settings.model import Settings
from ciprov.wiring.building import Asked, prepare
from ciprov.wiring.environments import Environments, Records, open_environments, open_records
from ciprov.wiring.localcluster import Options as ClusterOptions
from ciprov.wiring.localcluster import ensure_started

BLUEPRINT = """
blueprint: tiny
parameters: {mark: {type: string, default: a}}
timeout: 120s
group:
  apps:
    - id: app
      cmd: exec sleep 100000
      cpus: 0.01
      mem: 1
      disk: 0
      env: {MARK: "${mark}"}
      portDefinitions: [{port: 0, name: http}]
"""
LOCK_WAIT = 300.0


def start(state: Path) -> None:
    """An embedded cluster with room for many."""
    ensure_started(state, ClusterOptions(cpus=64, mem=65536))
    (state.parent / "tiny.yaml").write_text(BLUEPRINT)


@dataclass(frozen=True)
class Hand:
    """One who works there, with connections of their own. `store` is the URL of one, or empty: the usual file."""

    state: Path
    settings: Settings
    environments: Environments

    @classmethod
    def at(cls, state: Path, store: str = "") -> Hand:
        variables = {"HOME": str(state.parent), "XDG_CONFIG_HOME": str(state.parent)}
        variables |= {"CIPROV_STORE": store} if store else {}
        settings = load(variables, Options(local=True, state_dir=str(state)))
        return cls(state, settings, open_environments(settings, open_records(settings), _ignore))

    def another(self) -> Hand:
        """With clients of its own, and the same store."""
        records = Records(self.settings.cluster, self.environments.store)
        return replace(self, environments=open_environments(self.settings, records, _ignore))

    def record(self, name: str) -> EnvironmentRecord:
        record = self.environments.service.record(name)
        assert record is not None, name
        return record

    def up(self, name: str, mark: str = "a", *, ttl: int | None = None, lock_wait: float = LOCK_WAIT) -> UpResult:
        asked = Asked(
            name=name,
            given=name,
            blueprint_file=str(self.state.parent / "tiny.yaml"),
            parameters={"mark": mark},
            ttl=ttl,
        )
        environments = self.environments
        made = prepare(environments, asked, environments.service.record(name))
        how = UpOptions(made.origin, lock_wait_seconds=lock_wait)
        return environments.service.up(name, made.on(environments.cluster), how, _hear)

    def down(self, name: str, *, lock_wait: float = LOCK_WAIT) -> DownResult:
        environments = self.environments
        return environments.service.down(name, environments.group_path(name), DownOptions(lock_wait), _hear)

    def reap(self) -> Reaping:
        """Whatever has expired, by now."""
        return self.environments.service.reap(Orders(Policy(grace=0, failed_after=0), force=True), _hear)

    def left(self) -> Mapping[str, object]:
        """What there is of environments: nothing, where all of them are down."""
        environments = self.environments
        cluster = environments.cluster.name
        group = environments.marathon.group("/") or {}
        found = {
            "apps": [app["id"] for app in environments.marathon.apps()],
            "deployments": [one["id"] for one in environments.marathon.deployments()],
            "queue": environments.marathon.queue(),
            "records": [record.name for record in environments.store.list(cluster)],
            "ports": [one.get("used_resources", {}).get("ports") for one in environments.agents.agents() or ()],
            "groups": [below["id"] for one in group.get("groups", ()) for below in one.get("groups", ())],
        }
        return {what: some for what, some in found.items() if any(some)}

    def close(self) -> None:
        self.environments.store.close()


def _hear(_: Progress) -> None:
    pass


def _ignore(_: str) -> None:
    pass
