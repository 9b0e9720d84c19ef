"""Who may call. Fact: "401 with a Basic challenge (realm `mesos-master-scheduler`)"."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from implementations import embedded
from plain_mesos import SCHEDULER, Place
from plain_scheduler import Scheduler
from real_mesos import RealMesos

INFO = {"user": "root", "name": "guarded"}


def guarded(directory: Path) -> Iterator[Place]:
    """A real master that wants credentials, without agents."""
    credentials = directory / "credentials"
    credentials.write_text(json.dumps({"credentials": [{"principal": "ciprov", "secret": "right"}]}))
    flags = f"--authenticate_http_frameworks=true --http_framework_authenticators=basic --credentials={credentials}"
    running = RealMesos(directory, agents=0, flags=(flags,))
    try:
        running.start()
        yield Place(f"http://{running.address}", "ciprov:right")
    finally:
        running.stop()


@pytest.fixture(scope="module", params=["real", "embedded"])
def master(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Instead of the suite's own: one that wants credentials."""
    directory = tmp_path_factory.mktemp(f"guarded-{request.param}")
    if request.param == "real":
        yield from guarded(directory)
    else:
        with embedded(directory) as running:
            yield running.master


def test_the_right_credentials(master: Place) -> None:
    subscribed = Scheduler(master, INFO)
    subscribed.subscribed()
    subscribed.teardown()
    subscribed.disconnect()


@pytest.mark.parametrize("credential", ["", "ciprov:wrong", "somebody:right", "ciprov:"])
def test_wrong_credentials_at_a_subscription(master: Place, credential: str) -> None:
    call = {"type": "SUBSCRIBE", "subscribe": {"framework_info": INFO}}
    answer = Place(master.base, credential).call(call)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert "Mesos-Stream-Id" not in answer.headers


@pytest.mark.parametrize("credential", ["", "ciprov:wrong"])
def test_wrong_credentials_at_a_call(master: Place, credential: str) -> None:
    """They are asked for first, whatever the call is; the framework lives on."""
    subscribed = Scheduler(master, INFO)
    subscribed.subscribed()
    teardown = {"type": "TEARDOWN", "framework_id": {"value": subscribed.framework_id}}
    stream = {"Mesos-Stream-Id": subscribed.stream_id}
    assert Place(master.base, credential).call(teardown, stream).status == 401
    assert Place(master.base, credential).call(b"no json").status == 401
    subscribed.teardown()
    subscribed.disconnect()


@pytest.mark.parametrize("header", ["Basic", "Basic %%%", "Bearer right", "Negotiate x"])
def test_a_header_that_is_no_credential(master: Place, header: str) -> None:
    headers = {"Content-Type": "application/json", "Accept": "application/json", "Authorization": header}
    answer = Place(master.base).ask("POST", SCHEDULER, b"{}", headers)
    assert answer.status == 401
