"""The short form of `make soak`: the real services, stores and cluster, many at once, and many in turn."""

from __future__ import annotations

from pathlib import Path

import soak_concurrency
import soak_cycles
from soak_concurrency import Crowd
from zookeeper_server import need_server, place_of_its_own

SEED = 1


def test_many_at_once_lose_no_update_with_sqlite(tmp_path: Path) -> None:
    report = soak_concurrency.run(tmp_path, "", SEED, Crowd(processes=2, threads=8, turns=1))
    assert report.faults == ()


def test_many_at_once_lose_no_update_with_zookeeper(tmp_path: Path) -> None:
    need_server()
    with place_of_its_own() as store:
        report = soak_concurrency.run(tmp_path, store, SEED, Crowd(processes=2, threads=5, turns=1))
    assert report.faults == ()


def test_environments_that_come_and_go_leave_nothing_behind(tmp_path: Path) -> None:
    told: list[str] = []
    report = soak_cycles.run(tmp_path, SEED, 12, told.append)
    assert report.faults == (), told
