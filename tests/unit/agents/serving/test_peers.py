"""Whether Jenkins and Mesos answer: told when it changes. And whether Jenkins restarted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

from ciprov.agents.serving.books import Books
from ciprov.agents.serving.peers import HiddenJobs, Restarts, Watched
from ciprov.agents.view.happenings import Happening, What
from ciprov.domain.agents import Key
from ciprov.domain.jenkins import Server
from ciprov.foundation.json import JsonObject

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


class Kept:
    """A store in memory."""

    def __init__(self) -> None:
        self.documents: dict[Key, JsonObject] = {}

    def load(self) -> Mapping[Key, JsonObject]:
        return self.documents

    def write(self, put: Mapping[Key, JsonObject], remove: Collection[Key] = ()) -> None:
        self.documents |= put


def restarted(store: Kept, *sessions: str) -> list[bool]:
    """What one life of the service finds, look by look."""
    books = Books(store, lambda _: None)
    restarts = Restarts(books)
    restarts.recovered(books.read())
    found = [restarts.noticed(Server("2.462.3", session=session) if session else None) for session in sessions]
    books.close_turn()
    return found


def test_a_restart_of_jenkins_is_another_session() -> None:
    assert restarted(Kept(), "", "s1", "", "s1", "s2", "s2") == [False, False, False, False, True, False]


def test_one_while_the_service_was_away_is_noticed_too() -> None:
    store = Kept()
    assert restarted(store, "s1") == [False]
    assert restarted(store, "s1") == [False]
    assert restarted(store, "s2") == [True]


class TestHiddenJobs:
    HIDES, SHOWS = Server("2.462.3", hides_jobs=True), Server("2.462.3")

    def told(self, *looks: Server | None, items_seen: bool = False) -> tuple[list[What], list[bool], str]:
        """What is told, when Jenkins is asked again soon, and what is remarked at last."""
        told: list[Happening] = []
        jenkins = Watched("jenkins", What.JENKINS_LOST, What.JENKINS_BACK, told.append)
        jenkins.is_up(NOW)
        told.clear()
        hidden = HiddenJobs(jenkins, told.append)
        again = [hidden.looked(server, items_seen) for server in looks]
        return [one.what for one in told], again, jenkins.peer.message

    def test_they_are_told_once_and_stay_a_remark(self) -> None:
        told, again, remark = self.told(self.HIDES, None, self.HIDES, None, self.HIDES, None)
        assert told == [What.REFUSED]
        assert again == [True, False, False, False, False, False]
        assert "Job/Read" in remark

    def test_that_they_are_shown_again_is_told(self) -> None:
        told, _, remark = self.told(self.HIDES, self.HIDES, self.SHOWS, self.SHOWS)
        assert told == [What.REFUSED, What.JENKINS_BACK]
        assert not remark

    def test_jobs_that_were_just_deleted_are_nothing_to_tell(self) -> None:
        assert self.told(self.HIDES, self.SHOWS, self.HIDES, self.SHOWS)[0] == []

    def test_items_that_are_seen_are_not_hidden(self) -> None:
        assert self.told(self.HIDES, self.HIDES, self.HIDES, items_seen=True) == ([], [False] * 3, "")
