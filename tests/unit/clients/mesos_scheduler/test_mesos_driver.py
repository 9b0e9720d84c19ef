"""What a driver refuses before it asks any master, and what it prints of its secrets: nothing."""

from __future__ import annotations

import queue
from dataclasses import replace
from typing import Any

import pytest

from ciprov.clients.connection import Connection
from ciprov.clients.mesos_scheduler.driver import GuardedDriver
from ciprov.clients.mesos_scheduler.subscribing import Access
from ciprov.domain.mesos_scheduler import Framework, MesosScheduler
from ciprov.foundation.errors import UsageError

FRAMEWORK = Framework("ciprov", ("a",))


def driver(*servers: str) -> MesosScheduler:
    return GuardedDriver(Connection("Mesos", servers or ("m",)))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": " "}, "a name"),
        ({"roles": ()}, "at least one role"),
        ({"user": ""}, "no user"),
        ({"roles": ("a", "b"), "capabilities": ()}, "MULTI_ROLE"),
        ({"suppressed": ("b",)}, "roles of its own"),
        ({"failover_timeout_s": 0.0}, "failover timeout"),
        ({"failover_timeout_s": float("nan")}, "failover timeout"),
    ],
)
def test_frameworks_that_no_master_could_take(change: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        driver().start(replace(FRAMEWORK, **change), queue.SimpleQueue())


def test_addresses_are_checked_before_anything_starts() -> None:
    with pytest.raises(UsageError):
        driver("m1", "zk://z1/mesos")
    with pytest.raises(UsageError):
        driver("http://")


def test_calls_need_a_start() -> None:
    one = driver()
    for call in (one.suppress, one.reconcile):
        with pytest.raises(UsageError, match="was not started"):
            call()
    with pytest.raises(UsageError, match="was not started"):
        one.teardown("F")
    one.stop()


def test_access_shows_no_secret() -> None:
    assert "abc" not in repr(Access("Bearer abc", lambda: None))  # type: ignore[arg-type,return-value]
