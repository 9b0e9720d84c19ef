"""The app that runs a command once, and what its state says."""

import pytest

from ciprov.environments.hooks.one_off import RUN_VARIABLE, State, Verdict, definition, is_hook, verdict
from ciprov.environments.hooks.output import Output, added
from ciprov.environments.hooks.records import Hook, Stage

HOOK = Hook(Stage.AFTER_UP, "migrate", run="python m.py", env={"A": "hook", "B": "2"}, timeout=60)
API = {
    "id": "/ciprov/x/api",
    "cmd": "serve",
    "instances": 3,
    "cpus": 0.5,
    "mem": 256,
    "role": "ci",
    "user": "nobody",
    "env": {"A": "app", "DB": "db:1"},
    "labels": {"HAPROXY_0_VHOST": "x.example.org", "CIPROV_ENV": "x"},
    "dependencies": ["/ciprov/x/db"],
    "fetch": [{"uri": "file:///m.py"}],
    "constraints": [["rack", "LIKE", "a"]],
    "requirePorts": True,
    "portDefinitions": [{"port": 31000, "name": "http"}],
    "healthChecks": [{"protocol": "HTTP"}],
    "readinessChecks": [{"name": "r"}],
    "upgradeStrategy": {"minimumHealthCapacity": 0, "maximumOverCapacity": 0},
}


def made(base, hook=HOOK):
    return definition(hook, base, "/ciprov/x", {"CIPROV_ENV": "x"}, "run-1")


def test_it_is_like_its_app_without_what_two_cannot_have():
    app = made(API)
    assert app["id"] == "/ciprov/x/ciprov-hook-migrate"
    assert (app["instances"], app["cpus"], app["mem"], app["role"], app["user"]) == (1, 0.5, 256, "ci", "nobody")
    assert (app["env"]["A"], app["env"]["DB"], app["env"]["B"]) == ("hook", "db:1", "2")
    assert app["labels"] == {"CIPROV_ENV": "x", "CIPROV_HOOK": "migrate"}
    assert [one["uri"] for one in app["fetch"]] == ["file:///m.py"]
    assert app["constraints"] == [["rack", "LIKE", "a"]]
    assert app["portDefinitions"] == []
    for absent in ("dependencies", "readinessChecks", "requirePorts", "upgradeStrategy"):
        assert absent not in app
    assert [check["protocol"] for check in app["healthChecks"]] == ["COMMAND"]
    assert is_hook(app)
    assert not is_hook(API)


def test_it_is_not_repeated_when_it_failed():
    app = made(API)
    assert app["backoffSeconds"] == app["maxLaunchDelaySeconds"] == 86400
    assert app["unreachableStrategy"] == "disabled"
    assert app["healthChecks"][0]["gracePeriodSeconds"] > HOOK.timeout


def test_a_container_keeps_its_image_and_loses_ports_names_and_volumes_that_outlive_it():
    docker = {
        "image": "shop/api:1",
        "network": "BRIDGE",
        "portMappings": [{"containerPort": 80, "hostPort": 31000}],
        "parameters": [{"key": "name", "value": "api"}, {"key": "dns", "value": "10.0.0.1"}],
    }
    volumes = [
        {"containerPath": "data", "persistent": {"size": 10}},
        {"containerPath": "/ext", "external": {"name": "v", "provider": "dvdi"}},
        {"containerPath": "/etc/x", "hostPath": "/etc/x", "mode": "RO"},
    ]
    app = made({**API, "container": {"type": "DOCKER", "docker": docker, "volumes": volumes}})
    assert app["container"]["docker"]["image"] == "shop/api:1"
    assert app["container"]["docker"]["parameters"] == [{"key": "dns", "value": "10.0.0.1"}]
    assert [one["containerPath"] for one in app["container"]["volumes"]] == ["/etc/x"]
    assert app["container"]["portMappings"] == []
    assert app["networks"] == [{"mode": "container/bridge"}]
    assert "portDefinitions" not in app


def test_like_no_app_it_is_a_plain_command():
    app = made({})
    assert "container" not in app
    assert (app["cpus"], app["mem"]) == (0.1, 64)


def test_what_the_hook_says_of_resources_counts():
    app = made(API, Hook(Stage.AFTER_UP, "m", run="x", cpus=0.2, mem=32, disk=5))
    assert (app["cpus"], app["mem"], app["disk"]) == (0.2, 32, 5)


def live(**more):
    since = {"versionInfo": {"lastConfigChangeAt": "2030-01-01T00:00:00.000Z"}}
    return {"id": "/x/ciprov-hook-m", "env": {RUN_VARIABLE: "run-1"}, **since, "tasks": [], **more}


def task(alive=None, version="2030-01-01T00:00:00.000Z"):
    results = [] if alive is None else [{"alive": alive}]
    return {"id": "t", "slaveId": "a", "state": "TASK_RUNNING", "version": version, "healthCheckResults": results}


FAILURE = {"taskId": "t", "slaveId": "a", "state": "TASK_FAILED", "message": "Command exited with status 3"}


@pytest.mark.parametrize(
    ("app", "wanted"),
    [
        (live(), Verdict(State.RUNS)),
        (live(tasks=[task()]), Verdict(State.RUNS, "", "t", "a")),
        (live(tasks=[task(False)]), Verdict(State.RUNS, "", "t", "a")),
        (live(tasks=[task(True)]), Verdict(State.DONE, "", "t", "a")),
        (
            live(lastTaskFailure={**FAILURE, "version": "2030-01-01T00:00:00.000Z"}),
            Verdict(State.FAILED, "Command exited with status 3", "t", "a"),
        ),
        (live(lastTaskFailure={**FAILURE, "version": "2029-01-01T00:00:00.000Z"}), Verdict(State.RUNS)),
        (None, Verdict(State.FAILED, "somebody else removed its app")),
        (live(env={RUN_VARIABLE: "run-2"}), Verdict(State.FAILED, "somebody else replaced its app")),
    ],
)
def test_the_verdict(app, wanted):
    assert verdict(app, "run-1") == wanted


@pytest.mark.parametrize(
    ("before", "text", "wanted"),
    [
        ("", "a\n", "a\n"),
        ("a\n", "a\nb\n", "b\n"),
        ("a\nb\n", "b\nc\n", "b\nc\n"),
        ("xa\nb\n", "a\nb\nc\n", "a\nb\nc\n"),
    ],
)
def test_what_was_added_to_a_file(before, text, wanted):
    assert added(before, text) == wanted


def test_output_is_told_once_and_kept():
    class Sandbox:
        def __init__(self):
            self.texts = {"stdout": "one\n", "stderr": ""}

        def agents(self):
            return None

        def sandbox_tail(self, agent_id, task_id, file, limit):
            return self.texts[file]

    told = []
    sandbox, output, run = Sandbox(), Output(told.append), Verdict(State.RUNS, "", "t", "a")
    output.read(sandbox, Verdict(State.RUNS))
    assert not output.is_known
    output.read(sandbox, run)
    sandbox.texts = {"stdout": "one\ntwo\n", "stderr": "oh\n"}
    output.read(sandbox, run)
    assert told == ["one", "two", "oh"]
    assert output.text == "one\ntwo\noh"
