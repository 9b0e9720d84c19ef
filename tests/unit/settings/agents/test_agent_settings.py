"""What the agent service is told: from the file, from variables, by default; and what is read when."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import MISSING, Field, fields, replace
from pathlib import Path
from typing import Any

import pytest
from agent_settings_examples import EVERY_KEY, PLAIN, agents_of, cluster

from ciprov.agents.template import (
    Container,
    ContainerKind,
    FetchUri,
    Limits,
    Network,
    NetworkMode,
    PortMapping,
    SecretText,
    ServiceRules,
    Start,
    Template,
    Volume,
    VolumeMode,
    Warm,
)
from ciprov.clients.mesos_scheduler.addresses import ZooKeeperPath, parse_masters
from ciprov.domain.mesos_scheduler import Framework
from ciprov.foundation.errors import UsageError
from ciprov.framework.requests import Algorithm, Wanted, constraint
from ciprov.settings.agents import AgentSettings, JenkinsAccess, Listen
from ciprov.settings.agents.restart import wanting_restart
from ciprov.settings.agents.secrets import check, revealed
from ciprov.settings.document import SettingsError
from ciprov.settings.loading import Options
from ciprov.settings.model import Tls

SECRETS = {"SECRET": "hunter2", "API": "hunter3"}


def agents(directory: Path, text: str, **variables: str) -> AgentSettings:
    return agents_of(cluster(directory, text, **variables))


FULL = Template(
    name="full",
    labels=("linux", "jdk17"),
    expressions=("linux&&jdk17", "!gpu"),
    exclusive=False,
    unique_prefix="own-",
    wanted=Wanted(1.5, 2048, 100, 1, (0, 31053, 0, 8080)),
    constraints=(
        constraint("rack", "GROUP_BY", "3"),
        constraint("hostname", "UNIQUE"),
        constraint("os", "EQUAL", "linux"),
    ),
    roles=("builds",),
    priority=-3,
    weight=2.0,
    algorithm=Algorithm.SPREAD,
    expected_s=5400.0,
    container=Container(
        kind=ContainerKind.MESOS,
        image="maven:3",
        network=Network(NetworkMode.CONTAINER, "calico", (PortMapping(9000), PortMapping(53, 31053, "udp"))),
        volumes=(
            Volume("/root/.m2", "/var/cache/m2", cache=True, by_job=True),
            Volume("/data", mode=VolumeMode.RO, name="data", driver="rexray", options=(("size", "5"),)),
        ),
        force_pull=True,
    ),
    start=Start(
        java="/opt/java",
        jvm_options=("-Xmx512m", "-XX:+UseG1GC"),
        arguments=("-tunnel", "h:1"),
        cached_agent_jar=True,
        web_socket=False,
        work_dir="/var/agents",
        jar_cache="",
        class_data="/opt/agent.jsa",
        reconnect_s=0.0,
        user="ann",
        env=(("A", "text"), ("B", "3")),
        secret_env=(("S", SecretText("from variable SECRET")), ("F", SecretText("from file secret"))),
        uris=(FetchUri("http://h/a.tgz"), FetchUri("/b", True, False, True, "c/d")),
    ),
    limits=Limits(
        most=9,
        warm=(Warm(1), Warm(3, "Mon-Fri 07:00-19:00 Europe/Berlin")),
        idle_s=120.0,
        online_s=180.0,
        grace_s=4.0,
        unreachable_s=300.0,
        attempts=6,
        retry_s=7.0,
        pause_s=480.0,
    ),
)


def test_everything_of_the_file_arrives(tmp_path: Path) -> None:
    found = agents(tmp_path, EVERY_KEY)
    assert found.rules.template("full") == FULL
    docker = found.rules.template("docker")
    assert docker is not None
    assert docker.container == Container(ContainerKind.DOCKER, "i", parameters=(("cap-add", "A"),), privileged=True)
    assert found.rules.service == ServiceRules("svc", 40, 0.0, 60.0, anchors=False)
    ca = str(tmp_path / "ca.pem")
    assert replace(found.jenkins, token=None) == JenkinsAccess("https://j.example/ci", "u", tls=Tls(True, ca, ca, ca))
    assert found.jenkins.token is not None
    assert found.jenkins.token.reveal() == "t0k3n"
    assert (found.listen, str(found.listen), found.address) == (
        Listen("::1", 9443),
        "[::1]:9443",
        "https://agents.example/x",
    )
    assert found.framework == Framework(
        "svc",
        ("builds", "*"),
        user="jenkins",
        failover_timeout_s=172800.0,
        capabilities=("MULTI_ROLE", "PARTITION_AWARE", "REVOCABLE_RESOURCES", "GPU_RESOURCES"),
        hostname="h.example",
        webui_url="http://w.example",
    )
    assert found.masters == "zk://z:2181,y:2181/mesos"
    assert found.masters_address(("http://m:5050",)) == "zk://zu:p%2Fw@z:2181,y:2181/mesos"


def _changed(value: Any, field: Field[Any]) -> bool:
    default = field.default if field.default_factory is MISSING else field.default_factory()
    return bool(value != default)


def test_every_field_of_a_template_has_a_key() -> None:
    # Whoever adds a field to a template adds its key, its line in the reference, and it to the example.
    volumes, ports = FULL.container.volumes, FULL.container.network.port_mappings
    privileged = replace(FULL.container, privileged=True, parameters=(("a", "b"),))
    for records in (
        (FULL,),
        (privileged,),
        (FULL.start,),
        (FULL.limits,),
        (FULL.container.network,),
        volumes,
        ports,
        FULL.start.uris,
    ):
        for field in fields(records[0]):
            assert any(_changed(getattr(record, field.name), field) for record in records), field.name


def test_what_holds_where_little_is_said(tmp_path: Path) -> None:
    found = agents(tmp_path, PLAIN)
    assert found.rules.templates == (Template("a", ("a",), Wanted(1, 64), unique_prefix="ciprov.a."),)
    assert found.rules.service == ServiceRules()
    assert found.framework == Framework("ciprov", ("*",))
    assert (found.listen, found.address, found.api_token, found.jenkins.token) == (Listen(), "", None, None)
    assert found.masters_address(("http://m:5050", "http://n:5050")) == "http://m:5050,http://n:5050"
    assert (found.notes, "listen" in found.sources) == ((), False)


def test_as_many_warm_ones_as_there_may_be_are_allowed(tmp_path: Path) -> None:
    found = agents(tmp_path, PLAIN.replace("mem: 64", "mem: 64, warm: 2, most: 2"), CIPROV_AGENTS_MOST="2")
    assert found.rules.templates[0].limits == Limits(most=2, warm=(Warm(2),))


def test_notes_tell_what_is_probably_not_meant(tmp_path: Path) -> None:
    jenkins = "{url: 'http://j', user: u, token: t, tls: {verify: false}}"
    found = agents(tmp_path, PLAIN.replace('{url: "http://j"}', jenkins + ", listen: 9443"))
    assert [note.split(":")[0] for note in found.notes] == [
        "agents of other hosts do not reach 127.0.0.1",
        "the token goes to j without TLS",
        "jenkins.tls.verify is off",
    ]
    near = agents(tmp_path, PLAIN.replace('{url: "http://j"}', '{url: "http://localhost:8080"}'))
    assert [note.split(":")[0] for note in near.notes] == ["agents of other hosts do not reach Jenkins at localhost"]


def test_templates_inherit(tmp_path: Path) -> None:
    text = """\
clusters:
  ci:
    mesos: http://m
    agents:
      jenkins: {url: http://j}
      defaults:
        cpus: 1
        mem: 64
        user: ann
        labels: [all]
        env: {A: a, B: b, C: {from_env: X}}
        warm: 2
        container: {type: docker, image: i, volumes: [{container_path: /a, host_path: /a}], privileged: true}
      templates:
        a:
        b:
          mem: 128
          user: null
          env: {B: c, C: plain, D: null}
          container: {image: j, privileged: null}
        c: {container: null, env: null, warm: 0}
"""
    found = agents(tmp_path, text)
    a, b, c = found.rules.templates
    volumes = (Volume("/a", "/a"),)
    assert (a.wanted, a.start.user, a.labels) == (Wanted(1, 64), "ann", ("all",))
    assert (a.start.env, a.start.secret_env) == ((("A", "a"), ("B", "b")), (("C", SecretText("from variable X")),))
    assert a.container == Container(ContainerKind.DOCKER, "i", volumes=volumes, privileged=True)
    assert (b.wanted, b.start.user) == (Wanted(1, 128), "")
    assert (b.start.env, b.start.secret_env) == ((("A", "a"), ("B", "c"), ("C", "plain")), ())
    assert b.container == Container(ContainerKind.DOCKER, "j", volumes=volumes)
    assert (c.container, c.start.env, c.limits.warm) == (Container(), (), (Warm(0),))
    place = f"{tmp_path}/config.yaml"
    assert found.sources["templates.b.mem"] == f"{place}:17:16"
    assert found.sources["templates.b.cpus"] == f"{place}:7:15 (defaults)"
    assert found.sources["templates.b.env.A"] == f"{place}:11:18 (defaults)"
    assert found.sources["templates.b.container.image"] == f"{place}:20:30"
    assert found.sources["templates.b.container.type"] == f"{place}:13:27 (defaults)"
    assert "templates.b.user" not in found.sources


def test_what_is_wrong_in_the_defaults_is_told_once(tmp_path: Path) -> None:
    text = PLAIN.replace(
        "templates: {a:",
        "defaults: {priority: x, container: {image: [], typ: a}}, "
        "templates: {b: {cpus: 1, mem: 1, container: {type: mesos}}, a:",
    )
    with pytest.raises(SettingsError) as told:
        agents(tmp_path, text)
    assert [finding.split(": ")[1] for finding in told.value.findings] == [
        "agents.defaults.priority",
        "agents.defaults.container.image",
        "agents.defaults.container.typ",
        "agents.templates.b.mem",
    ]


def test_a_variable_wins_and_credentials_go_with_their_address(tmp_path: Path) -> None:
    found = agents(
        tmp_path, EVERY_KEY, CIPROV_AGENTS_NAME="other", CIPROV_AGENTS_ROLES="builds,x", CIPROV_AGENTS_MOST="7"
    )
    assert (found.rules.service.name, found.rules.service.most, found.framework.roles) == ("other", 7, ("builds", "x"))
    assert found.sources["name"] == "variable CIPROV_AGENTS_NAME"
    token = agents(tmp_path, EVERY_KEY, CIPROV_JENKINS_TOKEN="new").jenkins.token
    assert token is not None
    assert token.reveal() == "new"
    elsewhere = agents(tmp_path, EVERY_KEY, CIPROV_JENKINS_URL="http://k", CIPROV_AGENTS_MASTERS="zk://a:b%2Fc@y/m")
    assert elsewhere.jenkins == JenkinsAccess("http://k", tls=elsewhere.jenkins.tls)
    assert (elsewhere.masters, elsewhere.masters_auth.user) == ("zk://y:2181/m", "a")
    assert elsewhere.masters_address(()) == "zk://a:b%2Fc@y:2181/m"
    assert "b/c" not in f"{elsewhere}"
    assert agents(tmp_path, EVERY_KEY, CIPROV_AGENTS_MASTERS="zk://y/m").masters_auth.user == ""


def test_the_embedded_cluster_has_agents_too(tmp_path: Path) -> None:
    text = PLAIN.replace('ci: {mesos: "http://m:5050",', "local: {role: dev,")
    found = cluster(tmp_path, text)
    assert (found.is_embedded, found.role) == (True, "dev")
    assert (agents_of(found).framework.roles, agents_of(found).notes) == (("dev",), ())
    both = text + "  other: {marathon: http://x}\n"
    assert not cluster(tmp_path, both).is_embedded
    assert cluster(tmp_path, both, Options(local=True)).agents is not None
    with pytest.raises(UsageError, match="no cluster is configured"):
        cluster(tmp_path, text, CI="1")


def test_a_cluster_without_masters_has_no_agents(tmp_path: Path) -> None:
    text = PLAIN.replace('mesos: "http://m:5050"', "marathon: http://x")
    with pytest.raises(SettingsError, match=r"agents\.masters: the masters of Mesos are wanted"):
        agents(tmp_path, text)
    assert agents(tmp_path, text, CIPROV_MESOS="http://m").masters == ""
    assert agents(tmp_path, text, CIPROV_AGENTS_MASTERS="m1, m2:5051,https://m3").masters == "m1,m2:5051,https://m3"
    assert cluster(tmp_path, "clusters: {a: {marathon: 'http://m'}}").agents is None


@pytest.mark.parametrize(
    "given",
    [
        "m1",
        "m1:5051,http://m2",
        "https://m3/mesos",
        "zk://z/mesos",
        "zk://u%40v:p%40@z:2181,[::1]:2181/a/b",
        "[::1]:5050",
    ],
)
def test_the_driver_takes_what_is_taken_here(tmp_path: Path, given: str) -> None:
    address = agents(tmp_path, PLAIN, CIPROV_AGENTS_MASTERS=given).masters_address(())
    if given.startswith("zk"):
        found = parse_masters(address)
        assert isinstance(found, ZooKeeperPath)
        assert found == parse_masters(given)
    else:
        assert parse_masters(address) == parse_masters(given)


def test_what_is_wrong_there_does_not_hinder_who_needs_no_agents(tmp_path: Path) -> None:
    wrong = PLAIN.replace("cpus: 1", "cpus: x")
    assert cluster(tmp_path, wrong).name == "ci"
    with pytest.raises(SettingsError) as told:
        cluster(tmp_path, wrong.replace('"http://m:5050"', "m"))
    assert [finding.split(": ")[1] for finding in told.value.findings] == ["mesos", "agents.templates.a.cpus"]


def test_who_needs_no_agents_loads_nothing_of_them(tmp_path: Path) -> None:
    cluster(tmp_path, EVERY_KEY)
    program = """
import sys
from ciprov.settings.loading import Options, load
load({"CIPROV_CONFIG": sys.argv[1]}, Options())
assert not {"ciprov.agents", "ciprov.settings.agents"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "config.yaml")], check=True)


def test_secrets_are_read_when_the_service_wants_them(tmp_path: Path) -> None:
    settings = agents(tmp_path, EVERY_KEY, **SECRETS)
    read = dict(revealed(settings).templates[0].start.secret_env)
    assert (read["S"].reveal(), read["F"].reveal()) == ("hunter2", "s3cret")
    assert settings.api_token is not None
    assert settings.api_token.reveal() == "hunter3"
    shown = f"{settings} {settings!r} {revealed(settings)}"
    assert not [secret for secret in ("hunter", "s3cret", "t0k3n", "p/w") if secret in shown]


def test_fingerprints_tell_values_apart_and_depend_on_the_token(tmp_path: Path) -> None:
    def fingerprint(value: str, token: str = "t") -> str:
        settings = agents(tmp_path, EVERY_KEY, SECRET=value, CIPROV_JENKINS_TOKEN=token)
        return revealed(settings).templates[0].start.secret_env[0][1].fingerprint

    assert fingerprint("a") == fingerprint("a")
    assert len({fingerprint("a"), fingerprint("b"), fingerprint("a", "other")}) == 3


def test_all_secrets_that_are_missing_are_told_at_once(tmp_path: Path) -> None:
    settings = agents(tmp_path, EVERY_KEY)
    (tmp_path / "secret").unlink()
    with pytest.raises(SettingsError) as told:
        revealed(settings)
    first, second = told.value.findings
    assert "the environment variable SECRET is not set" in first
    assert f"the secret's file {tmp_path}/secret cannot be read" in second
    assert all("config.yaml:" in finding for finding in told.value.findings)
    with pytest.raises(SettingsError) as told:
        check(settings)
    assert ["API" in finding for finding in told.value.findings] == [True, False, False]


def test_what_wants_a_restart(tmp_path: Path) -> None:
    old = agents(tmp_path, EVERY_KEY)
    assert (
        wanting_restart(old, agents(tmp_path, EVERY_KEY.replace("most: 40", "most: 50").replace("priority: -3", "")))
        == ()
    )
    new = agents(tmp_path, EVERY_KEY, CIPROV_AGENTS_NAME="n", CIPROV_AGENTS_LISTEN="1", CIPROV_AGENTS_USER="x")
    assert wanting_restart(old, new) == ("name", "listen", "framework")
    for key, variable in (
        ("jenkins.token", {"CIPROV_JENKINS_TOKEN": "x"}),
        ("metrics", {"CIPROV_AGENTS_METRICS": "false"}),
        ("masters_auth", {"CIPROV_AGENTS_MASTERS_USER": "x"}),
    ):
        assert wanting_restart(old, agents(tmp_path, EVERY_KEY, **variable)) == (key,)
