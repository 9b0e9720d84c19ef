"""The Jenkinses that contract tests run against: the fake, and besides one of your own where you name it.

`CIPROV_TEST_JENKINS_URL` is its address, `CIPROV_TEST_JENKINS_USER` a user that may do with nodes and jobs what it
likes, and `CIPROV_TEST_JENKINS_TOKEN_FILE` a file with its API token. What tests make there has names of their own, and
goes afterwards.
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from fake_jenkins import FakeJenkins
from fake_jenkins_routes import TOKEN, USER
from jenkins_http import JenkinsHttp, wait_for

from ciprov.clients.connection import Connection
from ciprov.clients.jenkins.client import HttpJenkins
from ciprov.domain.jenkins import Node, QueueItem, Stage

Names = Callable[[str], str]


@dataclass(frozen=True)
class Controller:
    """A Jenkins that runs."""

    url: str
    user: str
    token: str
    real: bool = False

    def connection(self, password: str = "") -> Connection:
        return Connection("jenkins", [self.url], user=self.user, password=password or self.token)

    def client(self, service: str = "contract", password: str = "") -> HttpJenkins:
        return HttpJenkins(self.connection(password), service)

    @property
    def http(self) -> JenkinsHttp:
        return JenkinsHttp(self.url, self.user, self.token)

    def needs(self, plugin: str) -> None:
        """Skips the test where the plugin is missing."""
        document: dict[str, list[dict[str, str]]] = self.http.get("pluginManager", tree="plugins[shortName]")  # type: ignore[assignment]
        if all(each["shortName"] != plugin for each in document.get("plugins", [])):
            pytest.skip(f"{self.url} lacks the plugin {plugin}")


@contextmanager
def running(kind: str) -> Iterator[Controller]:
    """`fake` or `real`."""
    if kind == "fake":
        with FakeJenkins("/jenkins") as fake:
            yield Controller(fake.url, USER, TOKEN)
        return
    token = Path(os.environ["CIPROV_TEST_JENKINS_TOKEN_FILE"]).read_text().strip()
    yield Controller(
        os.environ["CIPROV_TEST_JENKINS_URL"].rstrip("/"), os.environ["CIPROV_TEST_JENKINS_USER"], token, real=True
    )


@contextmanager
def own_names(controller: Controller) -> Iterator[Names]:
    """Names of one test alone; nodes and jobs that are called so go afterwards, and items of such jobs."""
    suffix = uuid.uuid4().hex[:8]
    given: list[str] = []

    def name(prefix: str) -> str:
        given.append(f"{prefix}-{suffix}")
        return given[-1]

    yield name
    for each in dict.fromkeys(given):  # with a job go its items
        for path in (f"job/{each}/doDelete", f"computer/{each}/doDelete"):
            controller.http.discard(path)


@contextmanager
def jar_agents(controller: Controller, directory: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts the controller's own agent.jar for a node, with further options."""
    jar = directory / "agent.jar"
    jar.write_bytes(requests.get(f"{controller.url}/jnlpJars/agent.jar", timeout=30).content)
    runner = ["java", "-jar"] if controller.real else [sys.executable]
    with ExitStack() as ending:

        def start(name: str, *options: str) -> subprocess.Popen[bytes]:
            secret = directory / f"{name}.secret"
            secret.write_text(controller.client().secret(name).value)
            given = ["-url", controller.url, "-name", name, "-secret", f"@{secret}", "-workDir", directory / name]
            command = [*runner, jar, *given, "-webSocket", *(options or ("-noReconnect",))]
            process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            ending.callback(process.wait)
            ending.callback(process.kill)
            return process

        yield start


def item(jenkins: HttpJenkins, number: int) -> QueueItem | None:
    return next((item for item in jenkins.queue() if item.id == number), None)


def waits(jenkins: HttpJenkins, number: int) -> QueueItem:
    """The item once it is past its quiet period, and past the build before it."""
    found: list[QueueItem] = []

    def is_buildable() -> bool:
        found[:] = [each for each in jenkins.queue() if each.id == number and each.stage is Stage.BUILDABLE]
        return bool(found)

    wait_for(is_buildable)
    return found[0]


def node_of(jenkins: HttpJenkins, name: str) -> Node:
    found = jenkins.node(name)
    assert found is not None, f"{name} is gone"
    return found


def wait_until_online(jenkins: HttpJenkins, name: str, seconds: float = 60) -> None:
    wait_for(lambda: node_of(jenkins, name).takes_builds, seconds)
