"""A Mesos to speak to: a real one and the embedded cluster, for every test; and frameworks that go with their test.

`real` is skipped where `CIPROV_TEST_REAL_MESOS` names no kit to build one. Both have two agents with 2 cpus and 512 MB
of memory and of disk each, 100 ports of their own, and an attribute `rack` that tells them apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from plain_mesos import Place
from plain_scheduler import ENDED, Scheduler, Subscribe
from real_mesos import RealMesos

IMPLEMENTATIONS = ("real",)
CAPABILITIES = ("MULTI_ROLE", "PARTITION_AWARE", "TASK_KILLING_STATE")


@pytest.fixture(scope="session", params=IMPLEMENTATIONS)
def master(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One for each process that runs tests."""
    directory = tmp_path_factory.mktemp(f"{request.param}-mesos")
    yield from {"real": _real, "embedded": _embedded}[request.param](directory)


def _real(directory: Path) -> Iterator[Place]:
    running = RealMesos(directory)
    try:
        running.start()
        yield Place(f"http://{running.address}")
    finally:
        running.stop()


def _embedded(directory: Path) -> Iterator[Place]:
    from ciprov.wiring.localcluster import Options, ensure_started, stop

    racks = "agent-1:rack:r1;agent-2:rack:r2"
    size = Options(agents=2, cpus=4, mem=1024, disk=1024, ports="31100-31299", attributes=racks)
    running = ensure_started(directory / "state", size)
    try:
        password = Path(running.credential_file).read_text().strip()
        yield Place(running.mesos, f"{running.user}:{password}")
    finally:
        stop(directory / "state", purge=True)


@pytest.fixture
def subscribe(master: Place) -> Iterator[Subscribe]:
    """Subscribes a framework with role `ci`; keywords are fields of its FrameworkInfo. Torn down after the test."""
    made: list[Scheduler] = []

    def new(**fields: Any) -> Scheduler:
        more = fields.pop("subscribe", {})
        capabilities = [{"type": name} for name in fields.pop("capabilities", CAPABILITIES)]
        info = {"user": "root", "name": "contract", "roles": ["ci"], "checkpoint": True, "failover_timeout": 60.0}
        made.append(Scheduler(master, {**info, "capabilities": capabilities, **fields}, **more))
        return made[-1]

    yield new
    for scheduler in made:
        scheduler.pending()
        scheduler.disconnect()
    for framework_id in {one.framework_id: one for one in made if one.framework_id}:
        _remove(master, framework_id, made)


def _remove(master: Place, framework_id: str, made: list[Scheduler]) -> None:
    if master.framework(framework_id) is None:
        return
    info = next(one.info for one in reversed(made) if one.framework_id == framework_id)
    last = Scheduler(master, {**info, "id": {"value": framework_id}})
    # It may have gone by itself meanwhile: then the stream ends with an error.
    with suppress(AssertionError):
        last.subscribed()
        last.teardown()
    last.wait_for(ENDED)
    last.disconnect()


@pytest.fixture
def scheduler(subscribe: Subscribe) -> Scheduler:
    """One that is subscribed."""
    made = subscribe()
    made.subscribed()
    return made
