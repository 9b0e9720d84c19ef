"""What the engine answers, and what it means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciprov.localcluster.model import Condition
from ciprov.localcluster.runtimes.docker.creation import Bridge
from ciprov.localcluster.runtimes.docker.engine import EngineRefused
from ciprov.localcluster.runtimes.docker.frames import split
from ciprov.localcluster.runtimes.docker.images import ImageMissing, credentials, reference
from ciprov.localcluster.runtimes.docker.network import bridge_of
from ciprov.localcluster.runtimes.docker.outcome import outcome


@pytest.mark.parametrize(
    ("state", "kill_asked", "expected"),
    [
        ({"ExitCode": 0}, False, (Condition.FINISHED, "Container exited with status 0")),
        ({"ExitCode": 3}, False, (Condition.FAILED, "Container exited with status 3")),
        ({"ExitCode": 143}, True, (Condition.KILLED, "Container exited with status 143")),
        ({"ExitCode": 0}, True, (Condition.KILLED, "Container exited with status 0")),
        ({"ExitCode": 137, "OOMKilled": True}, False, (
            Condition.FAILED, "Memory limit exceeded: Requested: 64MB Maximum Used: 64MB"
        )),
        ({"ExitCode": 137, "OOMKilled": True}, True, (Condition.KILLED, "Container exited with status 137")),
        ({"ExitCode": 0, "OOMKilled": True}, False, (Condition.FINISHED, "Container exited with status 0")),
        ({"ExitCode": 127, "Error": "no such file"}, False, (
            Condition.FAILED, "Container exited with status 127: no such file"
        )),
    ],
)  # fmt: skip
def test_how_a_container_ended(state: dict[str, Any], kill_asked: bool, expected: tuple[Condition, str]) -> None:
    assert outcome({"State": state, "HostConfig": {"Memory": 64 << 20}}, kill_asked=kill_asked) == expected


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=20)), max_size=6), st.integers(1, 9))
def test_frames_come_out_whole_however_they_were_cut(frames: list[tuple[int, bytes]], size: int) -> None:
    data = b"".join(bytes([number, 0, 0, 0]) + len(body).to_bytes(4, "big") + body for number, body in frames)
    found: list[tuple[int, bytes]] = []
    pending = b""
    for start in range(0, len(data), size):
        more, pending = split(pending + data[start : start + size])
        found += more
    assert (found, pending) == (frames, b"")


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("nginx", ("nginx", "latest")),
        ("nginx:1.2", ("nginx", "1.2")),
        ("host:5000/a/b", ("host:5000/a/b", "latest")),
        ("host:5000/a/b:c", ("host:5000/a/b", "c")),
        ("a@sha256:ff", ("a", "sha256:ff")),
    ],
)
def test_the_name_of_an_image(image: str, expected: tuple[str, str]) -> None:
    assert reference(image) == expected


def test_credentials_are_those_that_were_fetched(tmp_path: Path) -> None:
    assert credentials(tmp_path) is None
    (tmp_path / ".dockercfg").write_text('{"registry": {"auth": "eDp5"}}')
    assert credentials(tmp_path) == {"registry": {"auth": "eDp5"}}
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text(json.dumps({"auths": {}}))
    assert credentials(tmp_path) == {"auths": {}}
    (tmp_path / ".docker" / "config.json").write_text('{"auths": secret')
    with pytest.raises(ImageMissing) as failure:
        credentials(tmp_path)
    assert "secret" not in str(failure.value)


def test_the_bridge_is_the_clusters_own() -> None:
    network: dict[str, Any] = {
        "Name": "ciprov-a", "Labels": {"ciprov.cluster": "a"}, "IPAM": {"Config": [{"Gateway": "172.20.0.1"}]},
    }  # fmt: skip
    assert bridge_of(network, "a") == Bridge("ciprov-a", "172.20.0.1")
    for broken in (network | {"Labels": None}, network | {"IPAM": {"Config": []}}):
        with pytest.raises(EngineRefused, match="remove"):
            bridge_of(broken, "a")
