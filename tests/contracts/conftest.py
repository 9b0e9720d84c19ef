"""For contract tests: a Jenkins, the fake and the one that `CIPROV_TEST_JENKINS_URL` names; an operator's commands."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from agent_snapshots import HandControl
    from agents_operator import Run
    from jenkins_controllers import Controller, Names
    from jenkins_http import JenkinsHttp

    from ciprov.clients.jenkins.client import HttpJenkins


@pytest.fixture(scope="module", params=["fake", "real"] if os.environ.get("CIPROV_TEST_JENKINS_URL") else ["fake"])
def controller(request: pytest.FixtureRequest) -> Iterator[Controller]:
    from jenkins_controllers import running

    with running(request.param) as found:
        yield found


@pytest.fixture
def jenkins(controller: Controller) -> HttpJenkins:
    return controller.client()


@pytest.fixture
def by_hand(controller: Controller) -> JenkinsHttp:
    return controller.http


@pytest.fixture
def own(controller: Controller) -> Iterator[Names]:
    from jenkins_controllers import own_names

    with own_names(controller) as names:
        yield names


@pytest.fixture
def control() -> HandControl:
    """An agent service made by hand."""
    from agent_snapshots import HandControl

    return HandControl()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory of its own, and nothing else configured."""
    for name in [name for name in os.environ if name.startswith("CIPROV_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CIPROV_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "state"


@pytest.fixture
def silent(here: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """`ciprov agents …` where no service runs."""
    from agents_operator import running

    return running(capfd)
