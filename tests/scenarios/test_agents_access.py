"""The service on a real Mesos that is reached as at a site: leader by ZooKeeper, TLS before it, credentials wanted."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_service import settings, write_settings
from agents_mesos import RealMesosForAgents
from agents_world import AgentsCli, World
from kazoo.client import KazooClient
from real_mesos import RealMesos
from tls_authority import Authority
from tls_front import tls_front
from zookeeper_server import ADDRESS, need_server

TEMPLATES = {"linux": {"labels": ["linux"]}}
SECRET = "a-secret-of-mesos"


class GuardedMesos(RealMesosForAgents):
    """Frameworks need credentials. `way` is the section that leads to it."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.way: dict[str, Any] = {}
        file = directory / "credentials"
        file.write_text(json.dumps({"credentials": [{"principal": "ciprov", "secret": SECRET}]}))
        wanted = "--authenticate_http_frameworks=true --http_framework_authenticators=basic"
        self._mesos = RealMesos(directory, agents=2, flags=(f"{wanted} --credentials={file}",))

    @property
    def section(self) -> dict[str, Any]:
        return self.way

    @property
    def address(self) -> str:
        return self._mesos.address


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    need_server()
    directory = tmp_path_factory.mktemp("guarded")
    authority = Authority(directory)
    running = World("embedded", directory)
    mesos = GuardedMesos(directory / "mesos")
    running.mesos, running.cli.options = mesos, mesos.options
    running.service = running.new_service("service")
    zookeeper = KazooClient(ADDRESS)
    zookeeper.start(timeout=20)
    path = f"/ciprov-test-agents-{uuid.uuid4().hex}"
    try:
        mesos.start()
        context = authority.sign("front", "IP:127.0.0.1").context()
        with tls_front(mesos.address, context) as front:
            host, _, port = front.rpartition(":")
            info = {"address": {"hostname": host, "ip": host, "port": int(port)}}
            zookeeper.create(f"{path}/json.info_", json.dumps(info).encode(), sequence=True, makepath=True)
            mesos.way = {
                "mesos": f"https://{front}",
                "mesos_auth": {"user": "ciprov", "password": SECRET},
                "tls": {"ca": str(authority.file)},
            }
            with running.jenkins:
                running.configure(TEMPLATES, masters=f"zk://{ADDRESS}{path}")
                running.serve()
                yield running
    finally:
        if running.service.process is not None:
            running.service.end()
        mesos.stop()
        zookeeper.delete(path, recursive=True)
        zookeeper.stop()
        zookeeper.close()


def test_a_build_gets_its_agent(guarded: World) -> None:
    guarded.freestyle("behind-tls", "linux", "sleep 0.2")
    assert guarded.built("behind-tls")["result"] == "SUCCESS"
    guarded.gone()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"mesos_auth": {"user": "ciprov", "password": "another"}}, "principal and secret"),
        ({"tls": {"verify": True}}, "certificate"),
    ],
)
def test_what_is_wrong_with_the_way_to_mesos_ends_the_service_with_one_message(
    guarded: World, changed: dict[str, Any], says: str, tmp_path: Path
) -> None:
    file = tmp_path / "settings.yaml"
    cli = AgentsCli(tmp_path)
    cli.options = guarded.cli.options
    section = settings(guarded.jenkins.url, guarded.java, TEMPLATES, name="other")
    write_settings(file, guarded.mesos.cluster, section, **{**guarded.mesos.section, **changed})
    began = time.monotonic()
    outcome = cli.run("--config", str(file), "agents", "serve")
    assert time.monotonic() - began < 10
    assert outcome.code == 1
    assert len([line for line in outcome.err.splitlines() if "error" in line]) == 1, outcome.err
    assert says in outcome.err
    assert "another" not in outcome.err
    assert "Traceback" not in outcome.err
