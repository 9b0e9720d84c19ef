"""What clients are told of a cluster's servers."""

from __future__ import annotations

import pytest

from ciprov.settings.model import Cluster
from ciprov.wiring.clusters import leaders_speak_tls


@pytest.mark.parametrize(
    ("mesos", "tls"), [((), False), (("http://m:5050",), False), (("http://m:5050", "HTTPS://n:5050"), True)]
)
def test_masters_in_zookeeper_speak_as_those_in_the_settings_do(mesos: tuple[str, ...], tls: bool) -> None:
    assert leaders_speak_tls(Cluster(name="c", mesos=mesos)) is tls
