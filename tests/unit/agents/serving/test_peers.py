"""Whether Jenkins and Mesos answer: told when it changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ciprov.agents.serving.peers import Watched
from ciprov.agents.view.happenings import Happening, What

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_an_outage_is_told_once_whichever_request_found_it() -> None:
    told: list[Happening] = []
    jenkins = Watched("jenkins", What.JENKINS_LOST, What.JENKINS_BACK, told.append)
    jenkins.is_down(NOW, "GET /queue: no permission", "no permission")
    jenkins.is_down(NOW + timedelta(seconds=1), "GET /computer: no permission", "no permission")
    jenkins.is_down(NOW + timedelta(seconds=2), "GET /computer: nothing listens there", "nothing listens there")
    jenkins.is_up(NOW + timedelta(seconds=3))
    jenkins.is_down(NOW + timedelta(seconds=4), "GET /computer: nothing listens there", "nothing listens there")
    assert [one.what for one in told] == [What.JENKINS_LOST] * 2 + [What.JENKINS_BACK, What.JENKINS_LOST]
    assert jenkins.peer.since == NOW + timedelta(seconds=4)
