"""Removing orphans: each looked at anew under its lock, one failure apart from the rest, partial answers believed to
nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from ciprov.domain.environment import EnvironmentRecord, HistoryEntry, LockHeld, LockHolder, Phase
from ciprov.domain.marathon import DeploymentRef, MarathonDenied
from ciprov.environments.context import Clock, Context
from ciprov.environments.outside import Outside
from ciprov.environments.upkeep.collecting import Collection, CollectOrders, Fate, collect
from ciprov.environments.upkeep.orphans import Sort
from ciprov.environments.upkeep.seeing import PartialAnswer, Scope

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def record(name: str, *apps: str) -> EnvironmentRecord:
    return EnvironmentRecord("c", name, f"/ciprov/{name}", "b", "", "", "", Phase.READY, NOW, NOW, app_ids=apps)


@dataclass
class Cluster:
    """Marathon, Mesos and the store at once. `entered` is called with each lock that is taken."""

    apps_there: dict[str, str] = field(default_factory=dict)
    records: dict[str, EnvironmentRecord] = field(default_factory=dict)
    denied: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    whole: bool = True
    entered: Callable[[str], None] = lambda _: None
    target = "c"

    def info(self) -> dict[str, Any]:
        return {"frameworkId": "F"}

    def group(self, path: str) -> dict[str, Any]:
        assert path == "/"
        groups: dict[str, list[Any]] = {}
        for app in self.apps():
            groups.setdefault(app["id"].rpartition("/")[0], []).append(app)
        below = [{"id": name, "apps": apps, "groups": []} for name, apps in groups.items()]
        return {"id": "/", "apps": [], "groups": below} if self.whole else {"id": "/", "groups": below}

    def apps(self) -> list[dict[str, Any]]:
        return [{"id": app, "labels": {"CIPROV_ENV": env}} for app, env in self.apps_there.items()]

    def deployments(self) -> list[Any]:
        return []

    def delete_app(self, app_id: str, *, force: bool = False) -> DeploymentRef:
        if app_id in self.denied:
            raise MarathonDenied("not yours", status=403)
        del self.apps_there[app_id]
        return DeploymentRef("d", "v")

    def delete_group(self, path: str, *, force: bool = False) -> DeploymentRef:
        self.apps_there = {app: env for app, env in self.apps_there.items() if not app.startswith(path + "/")}
        return DeploymentRef("d", "v")

    def tasks_of(self, framework_id: str) -> None:
        return None

    def agents(self) -> None:
        return None

    def list(self, cluster: str) -> list[EnvironmentRecord]:
        return list(self.records.values())

    def delete(self, cluster: str, name: str) -> None:
        del self.records[name]

    def dead_locks(self) -> list[Any]:
        return []

    def begin(self, entry: HistoryEntry) -> int:
        return 1

    def end(self, entry_id: int, outcome: str, at: datetime) -> None:
        pass

    def holder(self, key: str) -> LockHolder | None:
        return LockHolder(key, "o", "ann", NOW, NOW) if key in self.held else None

    @contextmanager
    def lock(self, key: str, description: str, *, wait_seconds: float, on_wait: Any) -> Iterator[Callable[[], None]]:
        self.entered(key)
        if (holder := self.holder(key)) is not None:
            raise LockHeld(holder)
        yield lambda: None

    def gc(self, *sorts: Sort, remove: bool = True, mesos_known: bool = False) -> Collection:
        context = Context("c", "me", "", clock=Clock(now=lambda: NOW, monotonic=lambda: 0.0, wait=lambda *_: None))
        outside = Outside(self, self, self, context, None)  # type: ignore[arg-type]
        orders = CollectOrders(Scope("/ciprov", mesos_known), remove, sorts or (Sort.APPS, Sort.RECORDS))
        return collect(outside, orders, lambda _: None)


def cluster(**changes: Any) -> Cluster:
    """`x` is well; `a` and `b` have lost their records, and `gone` its apps."""
    apps = {"/ciprov/x/web": "x", "/ciprov/a/web": "a", "/ciprov/b/web": "b"}
    return Cluster(apps, {"x": record("x", "/ciprov/x/web"), "gone": record("gone", "/ciprov/gone/web")}, **changes)


def fates(found: Collection) -> dict[str, Fate]:
    return {one.orphan.id: one.fate for one in found.found}


def test_all_without_an_owner_goes_and_a_second_run_finds_nothing() -> None:
    world = cluster()
    dry = world.gc(remove=False)
    assert (dry.exit_code, len(world.apps_there)) == (2, 3)
    done = world.gc()
    assert fates(done) == {"/ciprov/a/web": Fate.REMOVED, "/ciprov/b/web": Fate.REMOVED, "gone": Fate.REMOVED}
    assert done.exit_code == 0
    assert (set(world.apps_there), set(world.records)) == ({"/ciprov/x/web"}, {"x"})
    assert world.gc().found == ()


def test_one_failure_does_not_stop_the_rest() -> None:
    world = cluster(denied=frozenset({"/ciprov/a/web"}))
    done = world.gc()
    assert fates(done) == {"/ciprov/a/web": Fate.FAILED, "/ciprov/b/web": Fate.REMOVED, "gone": Fate.REMOVED}
    assert done.exit_code == 1
    assert "not yours" in done.of(Fate.FAILED)[0].error


def test_a_group_stays_with_an_app_that_could_not_be_removed() -> None:
    world = cluster(denied=frozenset({"/ciprov/a/web"}))
    done = world.gc(Sort.APPS, Sort.GROUPS)
    assert fates(done)["/ciprov/a"] is Fate.SKIPPED
    assert "/ciprov/a/web" in world.apps_there


def test_what_is_locked_is_left_alone() -> None:
    world = cluster(held=frozenset({"env/c/a"}))
    done = world.gc()
    assert "/ciprov/a/web" not in fates(done)
    assert done.busy == {"a": "ann"}
    assert "/ciprov/a/web" in world.apps_there


def test_what_is_locked_in_the_last_moment_is_skipped() -> None:
    world = cluster()

    def somebody_was_first(key: str) -> None:
        world.held = frozenset({"env/c/a"})

    world.entered = somebody_was_first
    assert fates(world.gc())["/ciprov/a/web"] is Fate.SKIPPED
    assert "/ciprov/a/web" in world.apps_there


def test_what_got_an_owner_meanwhile_is_skipped() -> None:
    world = cluster()

    def adopted(key: str) -> None:
        world.records["a"] = record("a", "/ciprov/a/web")
        world.apps_there["/ciprov/gone/web"] = "gone"

    world.entered = adopted
    done = fates(world.gc())
    assert (done["/ciprov/a/web"], done["gone"], done["/ciprov/b/web"]) == (Fate.SKIPPED, Fate.SKIPPED, Fate.REMOVED)
    assert {"/ciprov/a/web"} < set(world.apps_there)
    assert "gone" in world.records


def test_where_nothing_that_runs_is_recorded_nothing_is_removed() -> None:
    world = cluster()
    world.records.clear()
    done = world.gc()
    assert set(fates(done).values()) == {Fate.REFUSED}
    assert (done.exit_code, len(world.apps_there)) == (1, 3)


def test_partial_answers_are_no_ground() -> None:
    with pytest.raises(PartialAnswer):
        cluster(whole=False).gc()
    assert cluster().gc(Sort.VOLUMES, mesos_known=True).exit_code == 1
    silent = cluster().gc(Sort.VOLUMES)
    assert (silent.exit_code, silent.doubts, len(silent.notes)) == (0, (), 1)
