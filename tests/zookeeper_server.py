"""The ZooKeeper that tests run against, and servers of their own that they may stop."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError
from stopped_process import freeze, thaw

ADDRESS = os.environ.get("CIPROV_TEST_ZOOKEEPER", "127.0.0.1:2181")
JAR = Path("/usr/share/java/zookeeper.jar")


def answers(address: str) -> bool:
    """Whether a server of ZooKeeper serves there."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=2) as connection:
            connection.sendall(b"srvr")
            return b"Mode:" in connection.makefile("rb").read()
    except OSError:
        return False


def need(there: bool, what: str) -> None:
    """Skip the test where `what` is missing; with CIPROV_TEST_SERVICES=required it fails instead."""
    if not there:
        leave = pytest.fail if os.environ.get("CIPROV_TEST_SERVICES") == "required" else pytest.skip
        leave(f"{what}: scripts/services installs and starts it")


def need_server() -> None:
    need(answers(ADDRESS), f"no ZooKeeper answers at {ADDRESS} (CIPROV_TEST_ZOOKEEPER)")


@contextmanager
def place_of_its_own() -> Iterator[str]:
    """The URL of an empty store on the server that there is; removed afterwards."""
    root = f"/ciprov-test-{uuid.uuid4().hex}"
    try:
        yield f"zk://{ADDRESS}{root}"
    finally:
        client = KazooClient(hosts=ADDRESS)
        client.start()
        with suppress(NoNodeError):
            client.delete(root, recursive=True)
        client.stop()
        client.close()


class Server:
    """A server of one's own with short sessions: to be stopped, frozen, and started again with its data."""

    def __init__(self, directory: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.address = f"127.0.0.1:{self.port}"
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        (directory / "zoo.cfg").write_text(
            f"tickTime=200\ndataDir={directory / 'data'}\nclientPortAddress=127.0.0.1\nclientPort={self.port}\n"
            "admin.enableServer=false\nminSessionTimeout=400\nmaxSessionTimeout=60000\nmaxClientCnxns=0\n"
        )

    def start(self) -> None:
        classpath = f"/etc/zookeeper/conf:{JAR}"
        command = ["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", classpath]
        main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "-Dzookeeper.root.logger=WARN,CONSOLE", main, str(self._directory / "zoo.cfg")],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        end = time.monotonic() + 60
        while not answers(self.address):
            assert self._process.poll() is None, (self._directory / "log").read_text()
            assert time.monotonic() < end, (self._directory / "log").read_text()
            time.sleep(0.1)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        assert self._process is not None
        freeze(self._process.pid)

    def thaw(self) -> None:
        if self._process is not None:
            thaw(self._process.pid)

    def bring_back(self) -> None:
        self.thaw()
        if self._process is None:
            self.start()
