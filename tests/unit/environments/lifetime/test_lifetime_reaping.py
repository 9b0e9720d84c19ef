"""Which environments go: decided from records, sightings, policy and time alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ciprov.domain.environment import EnvironmentRecord, Operation, Phase
from ciprov.environments.lifetime.branches import Branches, same_remote, without_credentials
from ciprov.environments.lifetime.reaping import (
    Cause,
    Policy,
    Sightings,
    Verdict,
    beyond_limits,
    decide,
    wrong_clock,
)
from ciprov.foundation.errors import UsageError

NOW = datetime(2030, 1, 10, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
REMOTE = "https://git.example/shop.git"
POLICY = Policy(grace=3600, idle=5 * 86400, failed_after=86400)
ALIVE = EnvironmentRecord(
    "c",
    "x",
    "/ciprov/x",
    "shop",
    "",
    "text",
    "dev",
    Phase.READY,
    NOW - DAY,
    NOW - HOUR,
    given_name="feature/X",
    branch="feature/X",
)
OPERATION = Operation("up", NOW - 2 * DAY, "me")


def one(record, sightings=Sightings(), policy=POLICY, now=NOW):  # noqa: B008
    (verdict,) = decide([record], sightings, policy, now)
    return verdict


def seen(*names, remote=REMOTE, **silent):
    return Sightings(branches=Branches({remote: names}, silent))


EXPIRED = replace(ALIVE, expires_at=NOW - 2 * HOUR)
OLD = replace(ALIVE, updated_at=NOW - 2 * DAY)


@pytest.mark.parametrize(
    ("record", "cause"),
    [
        (EXPIRED, Cause.EXPIRED),
        (replace(ALIVE, expires_at=NOW - HOUR), Cause.EXPIRED),
        (replace(ALIVE, expires_at=NOW - HOUR + timedelta(seconds=1)), None),
        (replace(ALIVE, expires_at=None), None),
        (replace(EXPIRED, phase=Phase.ASLEEP), Cause.EXPIRED),
        (replace(EXPIRED, pinned="demo"), Cause.PINNED),
        (replace(OLD, phase=Phase.FAILED), Cause.FAILED),
        (replace(ALIVE, phase=Phase.FAILED), None),
        (replace(OLD, phase=Phase.FAILED, last_used_at=NOW - HOUR), None),
        (replace(OLD, phase=Phase.FAILED, blueprint_source=""), None),
        (replace(OLD, phase=Phase.CREATING, operation=OPERATION), Cause.FAILED),
        (replace(OLD, phase=Phase.CREATING, pending_counts={"/ciprov/x/a": 1}), Cause.FAILED),
        (replace(OLD, phase=Phase.CREATING), None),
        (replace(OLD, phase=Phase.REMOVING), Cause.FAILED),
        (replace(OLD, updated_at=NOW - 5 * DAY), Cause.IDLE),
        (replace(OLD, updated_at=NOW - 9 * DAY, last_used_at=NOW - 4 * DAY), None),
    ],
)
def test_what_its_own_record_says(record, cause):
    verdict = one(record)
    assert verdict.cause is (cause or Cause.IN_USE), verdict
    assert verdict.remove is (cause not in (None, Cause.PINNED))


def test_idle_and_failed_are_off_where_the_policy_says_so():
    never = replace(ALIVE, updated_at=NOW - 900 * DAY)
    assert not one(never, policy=Policy()).remove
    assert not one(replace(never, phase=Phase.FAILED), policy=Policy(failed_after=0)).remove


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        (Policy(protected_names=("x",)), True),
        (Policy(protected_names=("feature/*",)), True),
        (Policy(protected_names=("y*", "?")), True),
        (Policy(protected_names=("X",)), False),
        (Policy(protected_kinds=("dev",)), True),
        (Policy(protected_kinds=("stag*",)), False),
    ],
)
def test_names_and_kinds_are_protected_by_globs(policy, kept):
    assert one(EXPIRED, policy=policy).cause is (Cause.PROTECTED if kept else Cause.EXPIRED)


def test_who_is_at_it_is_told_and_left_alone():
    verdict = one(EXPIRED, Sightings(locked={"x": "ann@ci, env up"}))
    assert (verdict.remove, verdict.cause) == (False, Cause.LOCKED)
    assert "ann@ci" in verdict.reason


def test_a_missing_branch_is_noted_first_and_removed_after_the_grace():
    first = one(ALIVE, seen("main", "feature/Y"))
    assert (first.remove, first.branch_gone_since) == (False, NOW)
    missed = replace(ALIVE, branch_gone_since=NOW - HOUR)
    assert one(missed, seen("main")).cause is Cause.BRANCH_GONE
    back = one(missed, seen("main", "feature/X"))
    assert (back.remove, back.branch_gone_since) == (False, None)
    assert one(ALIVE, seen("main"), Policy(grace=0)).remove


def test_what_was_never_seen_as_a_branch_misses_none():
    demo = replace(ALIVE, branch="", given_name="demo/Monday", branch_gone_since=NOW - DAY)
    assert one(demo, seen("main"), Policy(grace=0)).cause is Cause.IN_USE
    there = one(demo, seen("main", "demo/Monday"))
    assert (there.remove, there.branch, there.branch_gone_since) == (False, "demo/Monday", None)
    assert one(replace(demo, branch=there.branch), seen("main")).cause is Cause.BRANCH_GONE
    assert one(replace(demo, git_remote=REMOTE), seen("main")).cause is Cause.BRANCH_GONE


@pytest.mark.parametrize(
    "sightings",
    [
        Sightings(),
        Sightings(branches=Branches({}, {REMOTE: "no answer"})),
        Sightings(branches=Branches({"https://git.example/other.git": ("main",)}, {REMOTE: "no answer"})),
    ],
    ids=["nobody was asked", "no answer", "another one answered"],
)
@pytest.mark.parametrize("recorded", ["", REMOTE])
def test_what_was_missed_once_is_no_proof_today(sightings, recorded):
    verdict = one(replace(ALIVE, git_remote=recorded, branch_gone_since=NOW - 9 * DAY), sightings)
    assert (verdict.remove, verdict.branch_gone_since) == (False, NOW - 9 * DAY)


def test_a_branch_counts_in_its_own_repository_only():
    ours = replace(ALIVE, git_remote="https://git.example/shop/", branch="topic", branch_gone_since=NOW - DAY)
    assert one(ours, seen("main", remote="https://git.example/other")).cause is Cause.IN_USE
    both = Branches({REMOTE: ("main",), "https://git.example/other": ("topic",)})
    assert one(ours, Sightings(branches=both)).cause is Cause.BRANCH_GONE
    assert one(replace(ours, git_remote=""), Sightings(branches=both)).cause is Cause.IN_USE


def test_branches_are_compared_as_environments_are_named():
    for name in ("feature/x", "Feature_X", "feature-x"):
        assert one(replace(ALIVE, branch_gone_since=NOW - DAY), seen(name)).branch_gone_since is None


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://me:secret@git.example/shop.git", REMOTE),
        ("https://token@git.example/shop.git", REMOTE),
        ("ssh://git:secret@git.example/shop.git", "ssh://git@git.example/shop.git"),
        ("git@git.example:shop.git", "git@git.example:shop.git"),
        ("/srv/shop.git", "/srv/shop.git"),
    ],
)
def test_addresses_are_kept_without_credentials(given, kept):
    assert without_credentials(given) == kept
    assert same_remote(given, kept.removesuffix(".git") + "/")


def _verdicts(going, staying):
    return [Verdict(str(n), n < going, Cause.EXPIRED, "") for n in range(going + staying)]


@pytest.mark.parametrize(
    ("going", "staying", "policy", "refused"),
    [
        (1, 0, Policy(), False),
        (1, 0, Policy(max_share=0), True),
        (2, 0, Policy(), True),
        (2, 2, Policy(), False),
        (2, 1, Policy(), True),
        (5, 5, Policy(), False),
        (6, 5, Policy(), True),
        (10, 0, Policy(max_share=100), False),
        (21, 100, Policy(), True),
        (3, 100, Policy(max_count=2), True),
        (0, 3, Policy(max_share=0, max_count=0), False),
    ],
)
def test_only_so_many_go_at_once(going, staying, policy, refused):
    assert bool(beyond_limits(_verdicts(going, staying), policy)) is refused


@pytest.mark.parametrize(
    ("there", "used", "refused"),
    [
        (NOW, NOW, False),
        (NOW + timedelta(minutes=5), NOW, False),
        (NOW + timedelta(minutes=6), NOW, True),
        (NOW - timedelta(minutes=6), NOW, True),
        (None, NOW, True),
        (NOW, NOW + timedelta(minutes=5), False),
        (NOW, NOW + timedelta(minutes=6), True),
    ],
)
def test_a_clock_that_may_be_wrong_stops_everything(there, used, refused):
    assert bool(wrong_clock([ALIVE, replace(ALIVE, updated_at=used)], NOW, there)) is refused
    assert bool(wrong_clock([replace(ALIVE, last_used_at=used)], NOW, there)) is refused


def test_what_is_no_address_is_told():
    with pytest.raises(UsageError, match="git repository cannot be read"):
        without_credentials("http://[x")


@settings(max_examples=40, deadline=None)
@given(
    ages=st.tuples(*[st.integers(0, 20)] * 4),
    phase=st.sampled_from(Phase),
    pinned=st.sampled_from(["", "demo"]),
    policy=st.builds(
        Policy, grace=st.integers(0, 86400), idle=st.sampled_from([0, 86400]), failed_after=st.just(86400)
    ),
    later=st.integers(0, 10),
)
def test_time_alone_never_saves_and_a_pin_always_does(ages, phase, pinned, policy, later):
    created, used, expired, missed = (NOW - age * DAY for age in ages)
    record = replace(
        ALIVE, phase=phase, pinned=pinned, updated_at=created, last_used_at=used, expires_at=expired,
        branch_gone_since=missed,
    )  # fmt: skip
    today = one(record, seen("main"), policy)
    after = one(replace(record, branch_gone_since=today.branch_gone_since), seen("main"), policy, NOW + later * DAY)
    assert not today.remove or after.remove
    assert not (pinned and after.remove)
    assert not one(replace(record, pinned="x"), seen("main"), policy, NOW + 900 * DAY).remove
    assert today.reason
