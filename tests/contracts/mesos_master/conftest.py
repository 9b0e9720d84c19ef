"""A Mesos to speak to: a real one and the embedded cluster, for every test; and frameworks that go with their test.

`real` is skipped where `CIPROV_TEST_REAL_MESOS` names no kit to build one. Both have two agents with 2 cpus and 512 MB
of memory and of disk each, 100 ports of their own, and an attribute `rack` that tells them apart.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from frameworks import Frameworks
from implementations import Implementation, embedded, real
from plain_mesos import Place
from plain_scheduler import Scheduler, Subscribe

IMPLEMENTATIONS = {"real": real, "embedded": embedded}


@pytest.fixture(scope="session", params=IMPLEMENTATIONS)
def mesos(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Implementation]:
    """One of each for each process that runs tests."""
    with IMPLEMENTATIONS[request.param](tmp_path_factory.mktemp(f"{request.param}-mesos")) as running:
        yield running


@pytest.fixture(scope="session")
def master(mesos: Implementation) -> Place:
    return mesos.master


@pytest.fixture
def subscribe(master: Place) -> Iterator[Subscribe]:
    """Subscribes a framework with role `ci`; keywords are fields of its FrameworkInfo. Torn down after the test."""
    with Frameworks(master) as frameworks:
        yield frameworks.subscribe


@pytest.fixture
def scheduler(subscribe: Subscribe) -> Scheduler:
    """One that is subscribed."""
    made = subscribe()
    made.subscribed()
    return made
