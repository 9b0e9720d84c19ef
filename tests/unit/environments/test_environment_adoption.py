"""A lost record comes back from what runs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from marathon_model import GROUP, World, app, desired

from ciprov.domain.environment import Phase
from ciprov.environments.adopting import Adopter
from ciprov.environments.adoption import Foundling, rebuild, unrecorded
from ciprov.environments.outlook import NotOurs
from ciprov.environments.results import DownOptions, Origin, UpOptions
from ciprov.environments.status import NoSuchEnvironment
from ciprov.foundation.errors import CiprovError

NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
ME = Adopter("feature/X", "ann")


def live(**changes):
    base = {
        "id": "/ciprov/x/api",
        "instances": 2,
        "tasksRunning": 2,
        "tasksHealthy": 2,
        "labels": {"CIPROV_ENV": "x", "CIPROV_BLUEPRINT": "shop"},
        "version": "2024-05-01T00:00:00.000Z",
    }
    return {**base, **changes}


def rebuilt(*apps):
    found = Foundling("staging", "x", "/ciprov/x", {one["id"]: one for one in apps}, "feature/X", "ann")
    return rebuild(found, NOW)


def test_what_the_cluster_tells_is_recorded():
    api = live(portDefinitions=[{"port": 20001, "name": "http"}, {"port": 20002}])
    db = live(
        id="/ciprov/x/data/db",
        instances=1,
        version="2024-04-01T00:00:00.000Z",
        portDefinitions=[{"port": 31700, "name": "sql"}],
        requirePorts=True,
    )
    record = rebuilt(api, db)
    assert record.blueprint == "shop"
    assert record.service_ports == {"api/http": 20001, "api/1": 20002, "data/db/sql": 31700}
    assert record.claimed_ports == {"/ciprov/x/data/db": (31700,)}
    assert record.counts == {"/ciprov/x/api": 2, "/ciprov/x/data/db": 1}
    assert record.app_ids == ("/ciprov/x/api", "/ciprov/x/data/db")
    assert record.created_at == datetime(2024, 4, 1, tzinfo=UTC)
    assert (record.phase, record.failure, record.revision) == (Phase.READY, "", 0)
    assert (record.given_name, record.owner) == ("feature/X", "ann")
    assert (record.blueprint_source, record.expires_at) == ("", None)


def test_what_it_asks_for_counts_for_quotas():
    record = rebuilt(live(cpus=0.5, mem=64), live(id="/ciprov/x/db", instances=1, cpus=1, mem=256))
    assert (record.cpus, record.mem) == (2.0, 384.0)


def test_service_ports_of_mappings():
    mappings = [{"containerPort": 80, "servicePort": 20003, "name": "web"}, {"containerPort": 81, "servicePort": 0}]
    networks = [{"mode": "container/bridge"}]
    record = rebuilt(live(networks=networks, container={"type": "DOCKER", "portMappings": mappings}))
    assert record.service_ports == {"api/web": 20003}


def test_what_is_not_up_is_told():
    record = rebuilt(live(tasksRunning=1), live(id="/ciprov/x/web", healthChecks=[{}], tasksHealthy=0))
    assert record.phase is Phase.FAILED
    assert record.failure == "adopted while not all of it was up: api, web"


def test_names_without_a_record():
    apps = [live(), live(labels={"CIPROV_ENV": "y"}), live(labels={}), {"id": "/z"}]
    assert unrecorded(apps, ["y"]) == ("x",)


def test_after_adoption_up_changes_nothing_and_down_leaves_nothing():
    world = World()
    shall = desired(app("db", fixed=31500), app("web", dependencies=["db"]))
    service = world.service()
    service.up("x", lambda record, taken: shall, UpOptions(Origin("b.yaml", "text")), print)
    before = world.records.pop("x")
    world.writes.clear()
    record = service.adopt("x", GROUP, ME, print)
    assert world.writes == []
    assert (record.app_ids, record.counts, record.claimed_ports) == (
        before.app_ids,
        before.counts,
        before.claimed_ports,
    )
    again = service.up("x", lambda record, taken: shall, UpOptions(Origin("b.yaml", "text")), print)
    assert (again.outcome, world.writes) == ("unchanged", [])
    assert world.records["x"].blueprint_source == "text"
    service.down("x", GROUP, DownOptions(), print)
    assert world.records == {}


def test_what_is_recorded_or_foreign_or_absent_is_refused():
    world = World()
    service = world.service()
    with pytest.raises(NoSuchEnvironment, match="no app below"):
        service.adopt("x", GROUP, ME, print)
    shall = desired(app("db"))
    service.up("x", lambda record, taken: shall, UpOptions(Origin("b.yaml", "text")), print)
    with pytest.raises(CiprovError, match="recorded already"):
        service.adopt("x", GROUP, ME, print)
    with pytest.raises(NotOurs):
        service.adopt("y", GROUP, ME, print)
    world.records.clear()
    with pytest.raises(NoSuchEnvironment, match=r"(?s)below /elsewhere/x.*/db.*prefix"):
        service.adopt("x", "/elsewhere/x", ME, print)
    with pytest.raises(NoSuchEnvironment, match=r"without a record: x"):
        service.adopt("z", "/ciprov/z", ME, print)
