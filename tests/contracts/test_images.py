"""The images of `docker/`, built on bases that are made here, and started."""

from __future__ import annotations

import io
import os
import secrets
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from docker import APIClient
from fake_jenkins import FakeJenkins
from fake_jenkins_routes import TOKEN, USER
from images_from_here import java_image, python_image
from jenkins_http import JenkinsHttp, wait_for

from ciprov.agents.start.start_script import Addresses, secrets_text, start_command
from ciprov.agents.template import Start, Template
from ciprov.clients.connection import Connection
from ciprov.clients.jenkins.client import HttpJenkins
from ciprov.domain.jenkins import NewNode
from ciprov.framework.requests import Wanted

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def engine() -> APIClient:
    return APIClient(os.environ.get("DOCKER_HOST"), timeout=120)


@pytest.fixture(scope="module")
def jenkins() -> Iterator[FakeJenkins]:
    with FakeJenkins("/jenkins") as fake:
        yield fake


@pytest.fixture(scope="module")
def agent_image(engine: APIClient, jenkins: FakeJenkins, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """With a cache that an agent filled while it was built."""
    work = tmp_path_factory.mktemp("agent")
    base = java_image(work)
    context = work / "context"
    shutil.copytree(ROOT / "docker/agent", context)
    program = ROOT / "tests/java_agent/StandInAgent.java"
    subprocess.run(["javac", "--release", "11", "-d", work / "classes", program], check=True)
    subprocess.run(["jar", "cfe", context / "agent.jar", "StandInAgent", "-C", work / "classes", "."], check=True)
    name, secret = node(jenkins)
    warm = {"JENKINS_URL": jenkins.url, "WARM_NODE": name, "WARM_SECRET": secret, "WARM_SECONDS": "4"}
    tag = f"ciprov-test/agent:{secrets.token_hex(4)}"
    yield built(engine, tag, path=str(context), buildargs={"BASE": base, **warm}, network_mode="host")
    history = str(engine.history(tag))
    assert secret not in history
    engine.remove_image(tag)


def built(engine: APIClient, tag: str, **given: Any) -> str:
    said = list(engine.build(tag=tag, rm=True, forcerm=True, decode=True, **given))
    assert not [one for one in said if "error" in one], "".join(one.get("stream", "") for one in said)[-3000:]
    return tag


def node(jenkins: FakeJenkins) -> tuple[str, str]:
    """A new one and its secret."""
    client = HttpJenkins(Connection("jenkins", [jenkins.url], user=USER, password=TOKEN), "images")
    name = f"image-{secrets.token_hex(4)}"
    client.create_node(NewNode(name, ("image",), "template", "digest"))
    return name, client.secret(name).value


@contextmanager
def started(engine: APIClient, image: str, command: list[str] | None = None, **given: Any) -> Iterator[str]:
    """The container; it is removed."""
    binds = given.pop("binds", {})
    host = engine.create_host_config(network_mode="host", binds=binds)
    container = engine.create_container(image, command, host_config=host, **given)["Id"]
    try:
        engine.start(container)
        yield container
    finally:
        engine.remove_container(container, force=True, v=True)


def output(engine: APIClient, container: str) -> str:
    return str(engine.logs(container, stdout=True, stderr=True).decode())


def is_online(jenkins: FakeJenkins, name: str) -> bool:
    return JenkinsHttp(jenkins.url, USER, TOKEN).get(f"computer/{name}")["offline"] is False


def run(engine: APIClient, image: str, *command: str, **given: Any) -> tuple[int, str]:
    with started(engine, image, list(command) or None, **given) as container:
        code = engine.wait(container, timeout=60)["StatusCode"]
        return code, output(engine, container)


@pytest.mark.parametrize("by", ["file", "variable"])
def test_an_agent_by_itself_connects_and_nothing_has_its_secret(
    engine: APIClient, jenkins: FakeJenkins, agent_image: str, tmp_path: Path, by: str
) -> None:
    name, secret = node(jenkins)
    file = tmp_path / "run" / "secret"
    file.parent.mkdir(mode=0o777)
    file.parent.chmod(0o777)
    file.write_text(secret)
    file.chmod(0o644)
    environment = {"JENKINS_URL": jenkins.url, "CIPROV_AGENT_NAME": name}
    given = {"CIPROV_AGENT_SECRET_FILE": "/run-secret/secret"} if by == "file" else {"CIPROV_AGENT_SECRET": secret}
    binds = {str(file.parent): {"bind": "/run-secret", "mode": "rw"}}
    with started(engine, agent_image, environment={**environment, **given}, binds=binds) as container:
        wait_for(lambda: is_online(jenkins, name), 30)
        assert file.exists() is (by == "variable")
        assert "cannot be removed" not in output(engine, container)
        inside = engine.exec_create(
            container, ["sh", "-c", "tr '\\0' ' ' </proc/1/cmdline; cat /proc/1/environ; id -u"]
        )
        told = engine.exec_start(inside["Id"]).decode()
        assert secret not in told
        assert "-XX:SharedArchiveFile=/opt/ciprov/agent.jsa" in told
        assert "-secret @/dev/stdin -workDir /home/jenkins/agent -webSocket" in told
        assert "-jar-cache /opt/ciprov/jar-cache-jenkins" in told
        assert told.splitlines()[-1].endswith("1000")
        # agent.jar starts itself anew once Jenkins has restarted, and reads it again.
        again = engine.exec_create(container, ["sh", "-c", "cat /proc/1/fd/0; stat -L -c %a.%h /proc/1/fd/0"])
        assert engine.exec_start(again["Id"]).decode() == f"{secret}\n600.0\n"


def test_an_agent_as_a_task_starts_by_the_text_that_mesos_is_given(
    engine: APIClient, jenkins: FakeJenkins, agent_image: str, tmp_path: Path
) -> None:
    name, secret = node(jenkins)
    start = Start(class_data="/opt/ciprov/agent.jsa", jar_cache="/opt/ciprov/jar-cache", user="jenkins")
    template = Template("linux", ("linux",), Wanted(cpus=1.0, mem=512.0), start=start)
    sandbox = tmp_path / "sandbox"
    sandbox.mkdir()
    (sandbox / "ciprov-secrets").write_text(secrets_text(secret, "token"))
    (sandbox / "agent.jar").write_bytes(file_of(engine, agent_image, "/opt/ciprov/agent.jar"))
    for one in (sandbox, *sandbox.iterdir()):
        os.chown(one, 1000, 1000)
    command = start_command(name, template, Addresses(jenkins.url))
    with started(
        engine,
        agent_image,
        ["-c", command],
        entrypoint="/bin/sh",
        environment={"MESOS_SANDBOX": "/sandbox"},
        binds={str(sandbox): {"bind": "/sandbox", "mode": "rw"}},
    ) as container:
        wait_for(lambda: is_online(jenkins, name), 30)
        inside = engine.exec_create(container, ["sh", "-c", "tr '\\0' ' ' </proc/1/cmdline"])
        told = engine.exec_start(inside["Id"]).decode()
        assert "-XX:SharedArchiveFile=/opt/ciprov/agent.jsa" in told
        assert "-jar-cache /opt/ciprov/jar-cache-jenkins" in told
        assert "not used" not in output(engine, container)
    assert not (sandbox / "ciprov-secrets").exists()


def file_of(engine: APIClient, image: str, path: str) -> bytes:
    container = engine.create_container(image)["Id"]
    try:
        chunks, _ = engine.get_archive(container, path)
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
            content = tar.extractfile(tar.getmembers()[0])
            assert content is not None
            return content.read()
    finally:
        engine.remove_container(container, v=True)


def test_what_was_prepared_is_used_and_refusals_have_their_codes(engine: APIClient, agent_image: str) -> None:
    archive = "-XX:SharedArchiveFile=/opt/ciprov/agent.jsa"
    code, told = run(engine, agent_image, "java", "-XX:+UseSerialGC", "-Xshare:on", archive, "-Xlog:cds", "-version")
    assert code == 0, told
    code, told = run(
        engine, agent_image, "sh", "-c", "cat /opt/ciprov/jar-cache-jenkins/loaded.jar; ls -ld /opt/ciprov/*"
    )
    assert "from image-" in told
    assert "drwx------" in told
    for environment, expected, words in (
        ({}, 77, "CIPROV_AGENT_SECRET_FILE"),
        ({"CIPROV_AGENT_SECRET": "s"}, 64, "CIPROV_AGENT_NAME"),
        ({"CIPROV_AGENT_SECRET": "s", "CIPROV_AGENT_JAR": "/none"}, 66, "/none"),
        ({"CIPROV_AGENT_SECRET": "s", "CIPROV_AGENT_JAVA": "jawa"}, 127, "jawa"),
        ({"CIPROV_AGENT_SECRET": "s", "CIPROV_AGENT_WORK_DIR": "/proc/x"}, 73, "/proc/x"),
        ({"CIPROV_AGENT_SECRET_FILE": "/none"}, 77, "/none"),
    ):
        named = {"JENKINS_URL": "http://127.0.0.1:9", "CIPROV_AGENT_NAME": "x"} if expected != 64 else {}
        code, told = run(engine, agent_image, environment={**named, **environment})
        assert (code, words in told) == (expected, True), told


def test_a_base_that_has_the_uid_already(engine: APIClient, agent_image: str, tmp_path: Path) -> None:
    """As images of Ubuntu do. What agents work in is theirs all the same."""
    tags = [f"ciprov-test/{one}:{secrets.token_hex(4)}" for one in ("base", "agent")]
    text = f"FROM {java_image(tmp_path)}\nRUN echo ubuntu:x:1000:1000::/home/ubuntu:/bin/sh >>/etc/passwd\n"
    context = tmp_path / "context"
    shutil.copytree(ROOT / "docker/agent", context)
    (context / "agent.jar").write_bytes(file_of(engine, agent_image, "/opt/ciprov/agent.jar"))
    try:
        built(engine, tags[0], fileobj=io.BytesIO(text.encode()))
        built(engine, tags[1], path=str(context), buildargs={"BASE": tags[0]}, network_mode="host")
        code, told = run(engine, tags[1], "sh", "-c", "mkdir agent && id -un && pwd")
        assert (code, told.split()) == (0, ["ubuntu", "/home/jenkins"]), told
    finally:
        for tag in reversed(tags):
            if engine.images(tag):
                engine.remove_image(tag)


def test_the_service(engine: APIClient, jenkins: FakeJenkins, tmp_path: Path) -> None:
    base = python_image(tmp_path)
    tag = f"ciprov-test/ciprov:{secrets.token_hex(4)}"
    built(engine, tag, path=str(ROOT), dockerfile="docker/ciprov/Dockerfile", buildargs={"BASE": base})
    try:
        assert run(engine, tag, "--version")[0] == 0
        code, told = run(engine, tag, "env", "list", environment={"CIPROV_LOCAL": "1"})
        assert (code, told) == (0, "no environments on local\n")
        (tmp_path / "config.yaml").write_text(
            f"clusters: {{ci: {{mesos: 'http://127.0.0.1:9', agents: {{jenkins: {{url: '{jenkins.url}', user: {USER}, "
            f"token: {TOKEN}}}, listen: '127.0.0.1:0', templates: {{linux: {{cpus: 1, mem: 512}}}}}}}}}}\n"
        )
        binds = {str(tmp_path): {"bind": "/etc/ciprov", "mode": "ro"}}
        tmp_path.chmod(0o755)
        assert run(engine, tag, "agents", "templates", "--check", binds=binds)[0] == 0
        with started(engine, tag, binds=binds, environment={"CIPROV_STORE_LOCAL": "1"}) as container:
            wait_for(lambda: '"event"' in output(engine, container), 30)
            wait_for(
                lambda: (
                    '"service"'
                    in engine.exec_start(
                        engine.exec_create(container, ["ciprov", "agents", "status", "-o", "json"])["Id"]
                    ).decode()
                ),
                30,
            )
            engine.stop(container, timeout=20)
            assert engine.wait(container)["StatusCode"] in (0, 130), output(engine, container)
    finally:
        engine.remove_image(tag, force=True)
