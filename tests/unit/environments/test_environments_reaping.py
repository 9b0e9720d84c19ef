"""`reap` against a model of Marathon and the store, whose clock moves only when somebody waits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from marathon_model import GROUP, START, World, app, desired
from operating import up

from ciprov.domain.environment import LockHolder, Phase
from ciprov.environments.lifetime import amending
from ciprov.environments.lifetime.amending import Ledger
from ciprov.environments.lifetime.branches import Branches
from ciprov.environments.lifetime.reaper import Orders, Outcome
from ciprov.environments.lifetime.reaping import Policy
from ciprov.foundation.errors import CHANGES, FAILED, OK, CiprovError

ORDERS = Orders(Policy(grace=0, max_share=100))
REMOTE = "https://git.example/shop"


def made(hours=2, world=None):
    """`x`, which lives for an hour, `hours` after it was made."""
    world = world or World()
    up(world, desired(app("db"), app("web", dependencies=["db"])))
    world.now += hours * 3600
    world.writes.clear()
    return world


def beside(world, name, **fields):
    """A record beside `x`, of which nothing runs any more."""
    record = replace(world.records["x"], name=name, group_path=f"/ciprov/{name}", revision=0, **fields)
    return world.save(record)


def reap(world, orders=ORDERS):
    found = world.service().reap(orders, [].append)
    return found, {one.record.name: one.outcome for one in found.environments}


def test_what_expired_goes_and_the_rest_stays():
    world = made()
    beside(world, "y", pinned="demo")
    beside(world, "z", expires_at=None)
    dry, outcomes = reap(world, replace(ORDERS, dry_run=True))
    assert outcomes == {"x": Outcome.WOULD_BE_REMOVED, "y": Outcome.KEPT, "z": Outcome.KEPT}
    assert (dry.exit_code, world.writes) == (CHANGES, [])
    found, outcomes = reap(world)
    assert outcomes == {"x": Outcome.REMOVED, "y": Outcome.KEPT, "z": Outcome.KEPT}
    assert [one.verdict for one in found.environments] == [one.verdict for one in dry.environments]
    assert (world.live, sorted(world.records), found.exit_code) == ({}, ["y", "z"], OK)
    assert [(entry.operation, entry.outcome) for entry in world.entries[1:]] == [
        ("down", "removed"),
        ("reap", "removed"),
    ]
    assert "expired" in world.entries[-1].summary


@pytest.mark.parametrize("doubt", ["clock ahead", "clock behind", "no answer", "written later"])
def test_in_doubt_nothing_goes(doubt):
    world = made()
    if doubt == "written later":
        beside(world, "y", updated_at=START + timedelta(hours=9))
    elif doubt == "no answer":
        world.outage = (0, 1e9)
    else:
        world.clock_there = timedelta(minutes=-6 if doubt == "clock ahead" else 6)
    found, outcomes = reap(world, replace(ORDERS, force=True))
    assert found.refused
    assert outcomes["x"] is Outcome.REFUSED
    assert (found.exit_code, world.writes) == (FAILED, [])
    assert world.records["x"].phase is Phase.READY


def test_more_than_the_limits_allow_is_refused_as_a_whole_unless_forced():
    world = made()
    for name in ("y", "z"):
        beside(world, name)
    found, outcomes = reap(world, Orders(Policy(grace=0)))
    assert "3 of 3" in found.refused
    assert set(outcomes.values()) == {Outcome.REFUSED}
    assert world.writes == []
    _, outcomes = reap(world, Orders(Policy(grace=0), force=True))
    assert set(outcomes.values()) == {Outcome.REMOVED}
    assert world.records == {}


def test_what_somebody_is_at_is_skipped_with_his_name():
    world = made()
    world.held["env/model/x"] = LockHolder("env/model/x", "1", "ann@ci, env up", START, START)
    found, outcomes = reap(world)
    assert outcomes == {"x": Outcome.SKIPPED}
    assert "ann@ci" in found.environments[0].verdict.reason
    assert (world.writes, found.exit_code) == ([], OK)


class Raced(World):
    """Somebody else acts when the record is read for the first time; `late`: just after that."""

    act, late = None, False

    def get(self, cluster, name):
        before = super().get(cluster, name)
        if self.act is None:
            return before
        act, self.act = self.act, None
        act(Ledger(self, "model", "ann@ci", self.clock().now))
        return before if self.late else super().get(cluster, name)


@pytest.mark.parametrize(
    "act",
    [lambda ledger: amending.pin(ledger, "x", "demo"), lambda ledger: amending.extend(ledger, "x", 86400)],
    ids=["pin", "extend"],
)
@pytest.mark.parametrize("late", [False, True], ids=["before the lock", "under the lock"])
def test_whoever_extends_or_pins_at_the_last_moment_keeps_it(act, late):
    world = made(world=Raced())
    world.act, world.late = act, late
    found, outcomes = reap(world)
    assert outcomes == {"x": Outcome.SKIPPED}, found
    assert "meanwhile" in found.environments[0].error
    assert (world.writes, world.records["x"].phase) == ([], Phase.READY)


def test_one_that_cannot_be_removed_does_not_keep_the_others():
    world = made()
    beside(world, "a")
    world.live[f"{GROUP}/db"].body["env"] = {"SLOW": "9999"}
    found, outcomes = reap(world)
    assert outcomes == {"a": Outcome.REMOVED, "x": Outcome.FAILED}
    assert "did not end" in found.environments[1].error
    assert found.exit_code == FAILED
    assert world.records["x"].phase is Phase.REMOVING


def test_missing_branches_are_noted_in_the_record_but_not_by_a_dry_run():
    world = made(hours=0)
    world.save(replace(world.records["x"], branch="topic"))
    orders = Orders(Policy(grace=3600), Branches({REMOTE: ("main",)}))
    reap(world, replace(orders, dry_run=True))
    assert world.records["x"].branch_gone_since is None
    reap(world, orders)
    assert world.records["x"].branch_gone_since == START + timedelta(seconds=world.now)
    reap(world, replace(orders, branches=Branches({REMOTE: ("topic",)})))
    assert world.records["x"].branch_gone_since is None


def test_a_branch_that_was_seen_is_missed_once_it_is_gone():
    world = made(hours=0)
    for branches, outcome in ((("main",), Outcome.KEPT), (("main", "x"), Outcome.KEPT), (("main",), Outcome.REMOVED)):
        world.save(replace(world.records["x"], given_name="x"))
        _, outcomes = reap(world, replace(ORDERS, branches=Branches({REMOTE: branches})))
        assert outcomes == {"x": outcome}


class Forgetful(World):
    """Takes no entry of a reaper."""

    def begin(self, entry):
        if entry.operation == "reap":
            raise CiprovError("the store is away")
        return super().begin(entry)


def test_a_history_that_cannot_be_written_hides_no_removal():
    world = made(world=Forgetful())
    beside(world, "y")
    assert reap(world)[1] == {"x": Outcome.REMOVED, "y": Outcome.REMOVED}


def test_a_silent_repository_is_told_and_the_rest_goes_on():
    world = made()
    found, outcomes = reap(world, replace(ORDERS, branches=Branches({}, {REMOTE: "no answer"})))
    assert outcomes == {"x": Outcome.REMOVED}
    assert (found.doubts, found.exit_code) == ((f"{REMOTE}: no answer",), FAILED)
