"""How much a team may have, and who is held back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ciprov.domain.environment import EnvironmentRecord, Phase
from ciprov.environments.plan import Action, AppPlan, Plan
from ciprov.environments.sharing.quotas import Amount, Quota, Quotas, needed, used, with_quota_conflicts

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def record(name: str, team: str = "video", cpus: float = 1.0, mem: float = 100.0, **more: Any) -> EnvironmentRecord:
    path = f"/c/{name}"
    return EnvironmentRecord(
        "c", name, path, "b", "f", "s", "", Phase.READY, NOW, NOW, team=team, cpus=cpus, mem=mem, **more
    )


def plan(name: str = "x", **instances: int) -> Plan:
    apps = [AppPlan(f"/c/{name}/{app}", app, Action.CREATE, "", 0, number) for app, number in instances.items()]
    return Plan(name, f"/c/{name}", tuple(apps))


def told(need: Amount, quota: Quota, *records: EnvironmentRecord, team: str = "video") -> list[str]:
    found = with_quota_conflicts(plan(), need, team, records, Quotas({team or "default": quota}))
    return [one.message for one in found.conflicts]


def test_what_an_environment_needs_is_counted_over_the_instances_that_it_will_have():
    group = {"id": "/c/x", "apps": [{"id": "/c/x/a", "cpus": 0.5, "mem": 64}, {"id": "/c/x/b"}], "groups": []}
    assert needed(plan(a=3, b=1, removed=0), group) == Amount(1, 0.5 * 3 + 1, 64 * 3 + 128)


def test_only_the_environments_of_the_team_count():
    assert used([record("a"), record("b", cpus=2), record("c", team="audio")], "video") == Amount(2, 3, 200)


@pytest.mark.parametrize(
    ("quota", "words"),
    [
        (Quota(environments=1), "team video would have 2 environments, and may have 1"),
        (Quota(cpus=2.5), "team video would have 3 cpus, and may have 2.5"),
        (Quota(mem=199), "team video would have 200 MiB of memory, and may have 199"),
    ],
)
def test_each_limit_is_told_with_what_there_would_be(quota: Quota, words: str):
    assert told(Amount(1, 2, 100), quota, record("other")) == [words]


def test_at_the_limit_all_is_well_and_other_teams_do_not_matter():
    assert told(Amount(1, 2, 100), Quota(2, 3, 200), record("other"), record("third", team="audio")) == []


def test_what_does_not_grow_stays_even_where_a_limit_was_lowered():
    there = record("x", cpus=4)
    assert told(Amount(1, 4, 100), Quota(cpus=1), there) == []
    assert told(Amount(1, 3, 100), Quota(cpus=1), there) == []
    assert len(told(Amount(1, 4.5, 100), Quota(cpus=1), there)) == 1


def test_a_team_without_a_quota_has_the_default_one_by_itself():
    quotas = Quotas({"default": Quota(environments=1), "video": Quota(environments=5)})
    assert with_quota_conflicts(plan(), Amount(1), "video", [record("a")], quotas).conflicts == ()
    assert with_quota_conflicts(plan(), Amount(1), "audio", [record("a")], quotas).conflicts == ()
    (found,) = with_quota_conflicts(plan(), Amount(1), "", [record("a", team="")], quotas).conflicts
    assert "those who name no team would have 2" in found.message
    assert with_quota_conflicts(plan(), Amount(1), "", [record("a", team="")], Quotas()).conflicts == ()


def test_quotas_print_themselves():
    assert (
        str(Quotas({"video": Quota(5, mem=1024), "default": Quota()}))
        == "video: environments 5, mem 1024; default: no limit"
    )
