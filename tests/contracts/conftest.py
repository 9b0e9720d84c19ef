"""A Jenkins for contract tests: the fake, and besides the one that `CIPROV_TEST_JENKINS_URL` names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
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
