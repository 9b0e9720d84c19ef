from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ciprov.localcluster.definitions.app import App, Container, HealthCheck, PortDefinition, PortMapping, ReadinessCheck
from ciprov.localcluster.model import Condition, Instance
from ciprov.localcluster.probes import plan
from ciprov.localcluster.probes.network import HttpTarget

SINCE = datetime(2024, 1, 1, tzinfo=UTC)
INSTANCE = Instance("app.instance-1", "/app", "v", Condition.RUNNING, SINCE, host="127.9.9.1", ports=(31001, 31002))


@pytest.mark.parametrize(
    ("check", "port"),
    [
        (HealthCheck(), 31001),
        (HealthCheck(port_index=1), 31002),
        (HealthCheck(port_index=1, port=80), 80),
        (HealthCheck(port_index=2), plan.Unprobeable("portIndex 2 is not among the task's 2 ports")),
    ],
)
def test_port_beats_port_index(check: HealthCheck, port: int | plan.Unprobeable) -> None:
    assert plan.probed_port(check, INSTANCE) == port


@pytest.mark.parametrize(
    ("protocol", "pause", "hosts"),
    [
        ("HTTP", 0.0, ("127.9.9.1",)),
        ("TCP", 0.0, ("127.9.9.1",)),
        ("COMMAND", 15.0, ("127.9.9.1", "127.0.0.1")),
        ("MESOS_TCP", 15.0, ("127.9.9.1", "127.0.0.1")),
    ],
)
def test_only_checks_of_mesos_wait_first_and_run_beside_the_task(
    protocol: str, pause: float, hosts: tuple[str, ...]
) -> None:
    check = HealthCheck(protocol=protocol)
    assert plan.first_pause(check) == pause
    assert plan.hosts(check, INSTANCE) == hosts


@pytest.mark.parametrize(("status", "success"), [(199, False), (200, True), (302, True), (399, True), (400, False)])
def test_success_is_200_to_399(status: int, success: bool) -> None:
    assert plan.is_success(status) is success


def test_readiness_finds_its_port_by_name() -> None:
    app = App(id="/app", port_definitions=(PortDefinition(name="a"), PortDefinition(name="b")))
    check = ReadinessCheck(port_name="b", path="/ready", protocol="HTTPS")
    assert plan.readiness_target(check, INSTANCE, app) == HttpTarget("127.9.9.1", 31002, "/ready", tls=True)
    missing = plan.readiness_target(ReadinessCheck(port_name="c"), INSTANCE, app)
    assert missing == plan.Unprobeable("the app has no port named 'c'")
    bridged = App(id="/app", container=Container(port_mappings=(PortMapping(name="b"), PortMapping(name="c"))))
    found = plan.readiness_target(ReadinessCheck(port_name="c"), INSTANCE, bridged)
    assert isinstance(found, HttpTarget)
    assert found.port == 31002


HOST = "127.9.9.1"
BRIDGED = App.model_validate({
    "id": "/app",
    "networks": [{"mode": "container/bridge"}],
    "container": {"docker": {"image": "i"}, "portMappings": [{"containerPort": 80, "name": "http"}, {"name": "same"}]},
})  # fmt: skip


@pytest.mark.parametrize(
    ("check", "inside", "expected"),
    [
        (HealthCheck(), "", ((HOST, 31000),)),
        (HealthCheck(), "172.20.0.2", (("172.20.0.2", 80),)),
        (HealthCheck(port_index=1), "172.20.0.2", (("172.20.0.2", 31001),)),
        (HealthCheck(port=99), "172.20.0.2", ((HOST, 99),)),
        (HealthCheck(protocol="MESOS_TCP", port=99), "172.20.0.2", (("172.20.0.2", 99),)),
        (HealthCheck(protocol="MESOS_TCP"), "", ((HOST, 31000), ("127.0.0.1", 31000))),
    ],
)
def test_a_task_on_a_network_of_its_own_is_asked_there(check: HealthCheck, inside: str, expected: object) -> None:
    assert plan.targets(check, replace(INSTANCE, ports=(31000, 31001)), BRIDGED, inside) == expected


def test_a_port_that_is_not_published_is_asked_inside_or_not_at_all() -> None:
    assert plan.targets(HealthCheck(), replace(INSTANCE, ports=(0,)), BRIDGED, "10.0.0.2") == (("10.0.0.2", 80),)
    assert isinstance(plan.targets(HealthCheck(), replace(INSTANCE, ports=(0,)), BRIDGED), plan.Unprobeable)
    ready = plan.readiness_target(ReadinessCheck(port_name="http"), replace(INSTANCE, ports=(0,)), BRIDGED, "10.0.0.2")
    assert isinstance(ready, HttpTarget)
    assert (ready.host, ready.port) == ("10.0.0.2", 80)
