"""What contract tests run against: a real cluster where its address is given, else an embedded one of their own.

And how thoroughly properties are tried: quickly by default, `HYPOTHESIS_PROFILE=thorough` for a closer look.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("fast", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("fast"), max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


@dataclass(frozen=True)
class TestCluster:
    """`embedded`: started by the tests, so that its credential and its one agent are known."""

    __test__ = False
    marathon: str
    mesos: str
    user: str
    password: str
    embedded: bool


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestCluster]:
    """One for each process that runs tests; `CIPROV_TEST_MARATHON`, `_MESOS`, `_USER`, `_PASSWORD` name a real one."""
    given = os.environ.get("CIPROV_TEST_MARATHON")
    if given:
        yield TestCluster(
            given,
            os.environ.get("CIPROV_TEST_MESOS", ""),
            os.environ.get("CIPROV_TEST_USER", ""),
            os.environ.get("CIPROV_TEST_PASSWORD", ""),
            embedded=False,
        )
        return
    from ciprov.wiring.localcluster import ensure_started, stop

    state = tmp_path_factory.mktemp("cluster") / "state"
    running = ensure_started(state)
    try:
        password = Path(running.credential_file).read_text().strip()
        yield TestCluster(running.marathon, running.mesos, running.user, password, embedded=True)
    finally:
        stop(state, purge=True)
