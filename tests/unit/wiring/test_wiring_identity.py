"""What makes two clusters the same one."""

from __future__ import annotations

from typing import Any

import pytest

from ciprov.wiring.identity import identity_of

INFO: dict[str, Any] = {"frameworkId": "f-1", "marathon_config": {"master": "zk://z:2181/mesos"}}


def test_servers_of_one_marathon_are_one_cluster_whoever_leads():
    assert identity_of({**INFO, "leader": "a:8080"}, "/ci") == identity_of({**INFO, "leader": "b:8080"}, "/ci")


@pytest.mark.parametrize(
    ("info", "prefix"),
    [
        ({**INFO, "frameworkId": "f-2"}, "/ci"),
        ({**INFO, "marathon_config": {"master": "other:5050"}}, "/ci"),
        (INFO, "/b"),
    ],
)
def test_others_are_not(info, prefix):
    assert identity_of(info, prefix) != identity_of(INFO, "/ci")


@pytest.mark.parametrize("info", [{}, {"frameworkId": None}, {"frameworkId": ""}])
def test_a_marathon_without_a_framework_is_not_known(info):
    assert identity_of(info, "/ci") == ""
