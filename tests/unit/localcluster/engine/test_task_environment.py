"""The variables that a task sees."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.engine.launching import launch_spec
from ciprov.localcluster.engine.task_environment import task_environment
from ciprov.localcluster.model import Condition, Instance


def environment(ports: tuple[int, ...] = (), **fields: Any) -> dict[str, str]:
    app = App.model_validate({"id": "/g/a", "cmd": "x", **fields})
    now = datetime(2024, 1, 1, tzinfo=UTC)
    instance = Instance("g_a.instance-1", "/g/a", "v1", Condition.STAGING, now, host="127.9.9.1", ports=ports)
    return task_environment(app, instance)


def test_metadata() -> None:
    assert environment(cpus=0.5, mem=64, gpus=1, labels={"a.b": "1", "Kind": "x", "long": "x" * 600}) == {
        "MARATHON_APP_ID": "/g/a",
        "MARATHON_APP_VERSION": "v1",
        "MARATHON_APP_RESOURCE_CPUS": "0.5",
        "MARATHON_APP_RESOURCE_MEM": "64.0",
        "MARATHON_APP_RESOURCE_DISK": "0.0",
        "MARATHON_APP_RESOURCE_GPUS": "1",
        "MARATHON_APP_LABELS": "A_B KIND",
        "MARATHON_APP_LABEL_A_B": "1",
        "MARATHON_APP_LABEL_KIND": "x",
        "MESOS_TASK_ID": "g_a.instance-1._app.1",
        "HOST": "127.9.9.1",
    }


def test_host_ports() -> None:
    definitions = [{"port": 0, "name": "http-api"}, {"port": 8080}]
    variables = environment((31001, 31002), portDefinitions=definitions)
    assert {name: value for name, value in variables.items() if name.startswith("PORT")} == {
        "PORT": "31001",
        "PORTS": "31001,31002",
        "PORT0": "31001",
        "PORT1": "31002",
        "PORT_31001": "31001",
        "PORT_8080": "31002",
        "PORT_HTTP_API": "31001",
    }


def test_bridge_ports_are_host_ports() -> None:
    mappings = [{"containerPort": 80, "name": "web"}, {"containerPort": 0}]
    container = {"type": "DOCKER", "docker": {"image": "nginx"}, "portMappings": mappings}
    variables = environment((31001, 31002), networks=[{"mode": "container/bridge"}], container=container)
    assert (variables["PORT_80"], variables["PORT_WEB"], variables["PORT_31002"]) == ("31001", "31001", "31002")
    assert variables["MARATHON_APP_DOCKER_IMAGE"] == "nginx"


def test_a_mapping_without_host_port_has_no_variable() -> None:
    container = {"type": "DOCKER", "portMappings": [{"containerPort": 80}, {"containerPort": 81, "hostPort": 0}]}
    variables = environment((0, 31001), networks=[{"mode": "container", "name": "n"}], container=container)
    assert (variables["PORT"], variables["PORTS"], variables["PORT1"]) == ("31001", "31001", "31001")
    assert not {"PORT0", "PORT_80"} & variables.keys()


def test_the_apps_own_variables_win() -> None:
    variables = environment(
        (31001,), portDefinitions=[{"port": 0}], env={"HOST": "h", "PORT0": "1", "S": {"secret": "s"}}
    )
    assert (variables["HOST"], variables["PORT0"]) == ("h", "1")
    assert "S" not in variables


def test_shell_or_arguments() -> None:
    now = datetime(2024, 1, 1, tzinfo=UTC)
    instance = Instance("i", "/a", "v1", Condition.STAGING, now)
    shell = launch_spec(App(id="/a", cmd="echo $HOST", task_kill_grace_period_seconds=7), instance)
    assert (shell.shell, shell.argv, shell.kill_grace_seconds) == ("echo $HOST", (), 7)
    argv = launch_spec(App(id="/a", args=("sleep", "1")), instance)
    assert (argv.shell, argv.argv, argv.kill_grace_seconds) == (None, ("sleep", "1"), 3)
