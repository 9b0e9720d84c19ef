"""A Marathon to speak to, and a place of its own for every test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from marathon_http import MarathonApi, sleeper


@pytest.fixture(scope="session")
def api(cluster: Any) -> MarathonApi:
    return MarathonApi(cluster.marathon, cluster.user, cluster.password)


@pytest.fixture
def group(api: MarathonApi) -> Iterator[str]:
    """The id of a top-level group that only this test uses; whatever is below goes afterwards."""
    name = f"/t-{uuid.uuid4().hex[:10]}"
    yield name
    api.delete(f"/v2/groups{name}", force="true")


@pytest.fixture
def app(group: str) -> dict[str, Any]:
    """A small app that just sleeps, not created yet."""
    return sleeper(f"{group}/app")
