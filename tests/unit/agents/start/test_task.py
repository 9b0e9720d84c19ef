import base64
import json
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from ciprov.agents.record import AgentRecord
from ciprov.agents.start import start_script
from ciprov.agents.start.start_script import EXIT_CODES, secrets_text, start_command
from ciprov.agents.start.task import Site, TaskSecrets, task_info
from ciprov.agents.start.task_container import cache_key
from ciprov.agents.template import (
    Container,
    ContainerKind,
    FetchUri,
    Limits,
    Network,
    NetworkMode,
    PortMapping,
    Start,
    Template,
    Volume,
    VolumeMode,
)
from ciprov.domain.jenkins import AgentSecret
from ciprov.foundation.json import JsonObject
from ciprov.framework.decisions import Placement, Taken
from ciprov.framework.requests import Wanted
from ciprov.framework.resources import Amounts

CASES = Path(__file__).parents[3] / "cases" / "agent_task"
NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


def cases():
    return [
        pytest.param(case, id=f"{file.stem}: {case['name']}")
        for file in sorted(CASES.glob("*.yaml"))
        for case in YAML(typ="safe").load(file)
    ]


def pairs(given: Any) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in given)


def container(case: dict[str, Any]) -> Container:
    network = dict(case.get("network", {}))
    mappings = tuple(PortMapping(**each) for each in network.pop("port_mappings", []))
    volumes = [
        Volume(**{**each, "mode": VolumeMode(each.get("mode", "RW")), "options": pairs(each.get("options", []))})
        for each in case.get("volumes", [])
    ]
    rest = {key: value for key, value in case.items() if key in {"image", "privileged", "force_pull"}}
    return Container(
        ContainerKind(case["kind"]),
        network=Network(NetworkMode(network.get("mode", "host")), network.get("name", ""), mappings),
        volumes=tuple(volumes),
        parameters=pairs(case.get("parameters", [])),
        **rest,
    )


def template(case: dict[str, Any]) -> Template:
    start = dict(case.get("start", {}))
    for key in ("jvm_options", "arguments"):
        if key in start:
            start[key] = tuple(start[key])
    start["env"] = pairs(start.get("env", []))
    start["uris"] = tuple(FetchUri(**each) for each in start.get("uris", []))
    return Template(
        "maven",
        ("maven",),
        Wanted(cpus=1, mem=512, ports=tuple(case.get("wanted_ports", ()))),
        container=container(case["container"]) if "container" in case else Container(),
        start=Start(**start),
        limits=Limits(**case.get("limits", {})),
    )


def agent(job: str = "") -> AgentRecord:
    return AgentRecord("ci-maven-1", "maven", ("maven",), NOW, NOW, job=job)


def info(case: dict[str, Any]) -> JsonObject:
    secrets = case.get("secrets", {})
    scalar = {"allocation_info": {"role": "ci"}}
    ports = tuple(case.get("ports", ()))
    taken = [Taken("cpus", 1000, origin=scalar), Taken("mem", 512000, origin=scalar)]
    if ports:
        taken.append(Taken("ports", len(ports), tuple((port, port) for port in sorted(ports)), scalar))
    return task_info(
        agent(case.get("job", "")),
        template(case.get("template", {})),
        Placement("ci-maven-1", "maven", Amounts(1000, 512000), tuple(taken), ports),
        "agent-7",
        Site(
            **{"jenkins_url": "http://jenkins:8080/jenkins/", "signal_url": "http://service:8088", "service": "ci"}
            | case.get("site", {})
        ),
        TaskSecrets(AgentSecret("c0ffee"), "t0ken", pairs(secrets.get("env", [])), secrets.get("ticket", "")),
    )


def variables(task: JsonObject, kind: str) -> dict[str, str]:
    found = [each for each in task["command"]["environment"]["variables"] if each["type"] == kind]
    if kind == "VALUE":
        return {each["name"]: each["value"] for each in found}
    assert all(each["secret"]["type"] == "VALUE" for each in found)
    return {each["name"]: base64.b64decode(each["secret"]["value"]["data"]).decode() for each in found}


def words(task: JsonObject) -> list[str]:
    """What the second part of the text is given."""
    second = task["command"]["value"].partition("exec $ciprov_sh -c ")[2].rpartition("<<END\n$ciprov_secrets")[0]
    return shlex.split(second.replace("\\\n", " "))[1:]


@pytest.mark.parametrize("case", cases())
def test_task(case: dict[str, Any]) -> None:
    task = info(case)
    told = {
        "container": lambda: task.get("container"),
        "uris": lambda: task["command"]["uris"],
        "user": lambda: task["command"]["user"],
        "kill_policy": lambda: task["kill_policy"],
        "plain_environment": lambda: variables(task, "VALUE"),
        "secret_environment": lambda: variables(task, "SECRET"),
        "wrapper": lambda: words(task)[1:8],
        "java": lambda: shlex.join(words(task)[8:]),
    }
    expected = {key: value for key, value in case.items() if key in told}
    assert expected
    assert {key: told[key]() for key in expected} == expected


def test_who_it_is_and_what_it_takes() -> None:
    task = info({"ports": [31000]})
    assert (task["name"], task["task_id"], task["agent_id"]) == (
        "ci-maven-1",
        {"value": "ci-maven-1"},
        {"value": "agent-7"},
    )
    assert [resource["name"] for resource in task["resources"]] == ["cpus", "mem", "ports"]
    assert task["resources"][2] == {
        "name": "ports",
        "type": "RANGES",
        "ranges": {"range": [{"begin": 31000, "end": 31000}]},
        "allocation_info": {"role": "ci"},
    }
    labels = {label["key"]: label["value"] for label in task["labels"]["labels"]}
    assert labels == {"CIPROV_SERVICE": "ci", "CIPROV_TEMPLATE": "maven", "CIPROV_AGENT": "ci-maven-1"}
    assert "user" not in task["command"]


def test_authorities_come_before_the_arguments_of_the_template() -> None:
    authority = "-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----"
    site = {"jenkins_url": "https://jenkins", "authorities": (authority,)}
    assert words(info({"site": site, "template": {"start": {"arguments": ["-x"]}}}))[-3:] == ["-cert", authority, "-x"]


def test_secrets_stand_in_secret_variables_alone() -> None:
    task = info({"secrets": {"env": [["NEXUS", "pässword"]]}})
    task["command"]["environment"]["variables"] = list(variables(task, "VALUE").items())
    text = json.dumps(task, ensure_ascii=False)
    assert not any(secret in text for secret in ("c0ffee", "t0ken", "pässword"))


def test_what_is_shown_of_secrets() -> None:
    secrets = TaskSecrets(AgentSecret("c0ffee"), "t0ken", (("NEXUS", "pass"),), "once")
    assert not any(word in repr(secrets) + str(secrets) for word in ("c0ffee", "t0ken", "pass", "once"))


def test_the_file_of_secrets_is_for_the_shell() -> None:
    text = secrets_text("c0ffee", "t0ken", (("NEXUS", "it's $HOME `id`\nline"),))
    assert shlex.split(text) == [
        "CIPROV_AGENT_SECRET=c0ffee",
        "CIPROV_AGENT_TOKEN=t0ken",
        "export",
        "NEXUS=it's $HOME `id`\nline",
    ]


def test_the_second_part_can_be_quoted_and_every_exit_code_is_explained() -> None:
    text = start_command("ci-maven-1", template({}), start_script.Addresses("http://j/", "http://s/"))
    second = shlex.split(text.partition("exec $ciprov_sh -c ")[2].rpartition("<<END\n$ciprov_secrets")[0])[0]
    assert second.startswith("\nIFS=")
    assert second.endswith("<&7 7<&-\n")
    assert {int(code) for code in re.findall(r"fail (\d+)", second)} == set(EXIT_CODES)


@pytest.mark.parametrize(
    ("said", "explanation"),
    [
        (
            "Command exited with status 127",
            ": there is no /opt/jdk/bin/java on the host or in the image, which is what the template's `java` names",
        ),
        ("Container exited with status 66", ": agent.jar was not fetched, or is no jar"),
        (
            "Container exited with status 73",
            ": the work directory or the sandbox cannot be written to: an image's user has to be the template's `user`",
        ),
        ("Command exited with status 1", ""),
        ("Command terminated with signal Killed", ""),
        ("", ""),
    ],
)
def test_what_mesos_says_of_an_end_is_explained(said: str, explanation: str) -> None:
    assert start_script.explained(said, template({"start": {"java": "/opt/jdk/bin/java"}})) == said + explanation


@given(st.text(min_size=1, max_size=300), st.text(min_size=1, max_size=300))
def test_cache_keys_are_one_safe_component_each(one: str, other: str) -> None:
    def key(job: str) -> str:
        return cache_key(Volume("/c", "/h", cache=True, by_job=True), agent(job))

    assert re.fullmatch(r"job-[A-Za-z0-9_-]{10,60}", key(one))
    assert (key(one) == key(other)) == (one == other)
