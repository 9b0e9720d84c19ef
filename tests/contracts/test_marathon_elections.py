"""Marathon while it changes its leader: redirects, dying leaders, elections, several servers, dead and silent ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from faulty_environment import QUICK, Environment, connection, upstream
from faulty_proxy import Fault, FaultyProxy, Front, Heard, Kind, Log

from ciprov.clients.marathon.client import HttpMarathon
from ciprov.domain.marathon import MarathonDenied, MarathonError, MarathonUnavailable
from ciprov.environments.results import UpFailed

BOTH = {"fixed": "old", "idle": "old", "same": "exec sleep 1000"}
APP = {"cmd": "exec sleep 1000", "cpus": 0.01, "mem": 8, "instances": 0, "portDefinitions": []}
NO_LEADER = Fault(Kind.ANSWER).body
SILENT = Fault(Kind.SILENCE, seconds=30, count=1000)


@contextmanager
def serving(cluster: Any, count: int = 2, front: Front | None = None) -> Iterator[list[FaultyProxy]]:
    """Servers of one Marathon, with one log."""
    log = Log()
    with ExitStack() as stack:
        yield [stack.enter_context(FaultyProxy(upstream(cluster), log, front)) for _ in range(count)]


@contextmanager
def once(log: Log, heard: int, *actions: Any) -> Iterator[None]:
    """After so many requests do the first of `actions`, half a second later the next."""

    def watch() -> None:
        while len(log.heard) < heard:
            time.sleep(0.005)
        for action in actions:
            action()
            time.sleep(0.5)

    thread = threading.Thread(target=watch)
    thread.start()
    yield
    thread.join(10)
    assert not thread.is_alive(), "it came so far"


def put_only_once(writes: list[Heard]) -> None:
    """Between two equal writes of a life there is always another."""
    keys = [f"{one.method} {one.path} {one.body}" for one in writes]
    assert not [key for key, following in pairwise(keys) if key == following]


def writing(environment: Environment) -> None:
    """A whole life."""
    environment.up("old")
    assert environment.states() == BOTH
    environment.up("new")
    assert environment.states()["fixed"] == "new"
    environment.down()
    assert environment.states() == {}


def test_a_server_that_does_not_lead_sends_on_to_the_leader(cluster: Any, tmp_path: Path) -> None:
    with serving(cluster) as (follower, leader):
        follower.leader = leader.url
        writing(Environment("redirected", 31150, [follower], tmp_path))
        assert {one.server for one in leader.log.writes} == {leader.url}
        assert leader.url in leader.log.streams, "the stream of events follows, too"
        put_only_once(leader.log.writes)


@pytest.mark.parametrize("at", [3, 6, 7, 9])
def test_a_leader_that_dies_is_followed_by_another(cluster: Any, tmp_path: Path, at: int) -> None:
    with serving(cluster, 3) as (follower, first, second):
        follower.leader = first.url
        environment = Environment(f"dies-{at}", 31151 + at, [follower], tmp_path)

        def takes_over() -> None:
            follower.leader = second.url

        with once(follower.log, at, first.die, takes_over):
            environment.up("old") if at > 5 else eventually_up(environment)
        assert environment.states() == BOTH
        environment.down()
        assert {one.server for one in follower.log.writes[1:]} <= {second.url}
        put_only_once(follower.log.writes)


def eventually_up(environment: Environment) -> None:
    """What is refused before anything is written is repeated by whoever called."""
    for _ in range(20):
        try:
            environment.up("old")
        except MarathonUnavailable:
            time.sleep(0.2)
        else:
            return
    raise AssertionError("never")


def test_an_election_of_ten_seconds_is_waited_for(cluster: Any, tmp_path: Path) -> None:
    """It begins before the first write, with it, and after it, as Marathons or a balancer tell it; all at once."""

    def one(number: int) -> None:
        status, first = ((503, 502)[number % 2], (5, 6, 8)[number // 2])
        with serving(cluster, 1) as (proxy,):
            environment = Environment(f"elects-{number}", 31180 + number, [proxy], tmp_path)
            body = NO_LEADER if status == 503 else "<html>Bad Gateway</html>"
            proxy.plan = [Fault(Kind.ANSWER, first, seconds=10, status=status, body=body)]
            began = time.monotonic()
            environment.up("old")
            assert 10 < time.monotonic() - began < 20
            assert environment.states() == BOTH
            environment.down()
            put_only_once(proxy.log.writes)
            assert any("again" in note for note in environment.notes), "it is told"

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(one, range(6)))


def test_an_outage_without_an_end_is_told_and_leaves_the_operation_to_be_taken_up(cluster: Any, tmp_path: Path) -> None:
    with serving(cluster, 1) as (proxy,):
        environment = Environment("outage", 31171, [proxy], tmp_path, outage=1.0)
        proxy.plan = [Fault(Kind.ANSWER, 6, seconds=60)]
        with pytest.raises(UpFailed, match=r"Marathon went away.*Could not find a leader"):
            environment.up("old")
        proxy.plan = []
        environment.up("old")
        assert environment.states() == BOTH
        environment.down()


def test_servers_that_send_to_each_other_are_a_missing_leader(cluster: Any) -> None:
    with serving(cluster) as (one, other):
        one.leader, other.leader = other.url, one.url
        marathon = HttpMarathon(connection(one.url), retries=QUICK)
        with pytest.raises(MarathonUnavailable, match="no leader found"):
            marathon.info()
        with pytest.raises(MarathonUnavailable, match="no leader found"):
            marathon.put_app("/ciprov/circling", APP)
        assert not one.log.writes


@pytest.mark.parametrize("leader_is_configured", [True, False])
def test_credentials_go_to_configured_servers_only(cluster: Any, leader_is_configured: bool) -> None:
    with serving(cluster, front=Front(wants="token=abc")) as (follower, leader):
        follower.leader = leader.url
        servers = [follower.url, leader.url] if leader_is_configured else [follower.url]
        marathon = HttpMarathon(connection(*servers, token="abc"), retries=QUICK)
        if leader_is_configured:
            assert marathon.info()["name"] == "marathon"
            return
        for ask in (marathon.info, lambda: marathon.put_app("/ciprov/redirected", APP)):
            with pytest.raises(MarathonError, match="credentials are not sent") as told:
                ask()
            assert leader.url in told.value.message
            assert "add it" in told.value.way_out
        assert {one.server for one in leader.log.heard} == {follower.url}


def test_with_two_servers_one_may_die_in_the_middle(cluster: Any, tmp_path: Path) -> None:
    with serving(cluster) as (first, second):
        environment = Environment("two", 31172, [first, second], tmp_path)
        with once(first.log, 8, first.die):
            environment.up("old")
        assert environment.states() == BOTH
        environment.down()
        assert first.log.writes[-1].server == second.url
        put_only_once(first.log.writes)


@pytest.mark.parametrize("fault", [SILENT, Fault(Kind.ANSWER, seconds=100), Fault(Kind.RESET_BEFORE, count=1000)])
def test_with_two_servers_one_may_be_no_use_at_all(cluster: Any, tmp_path: Path, fault: Fault) -> None:
    with serving(cluster) as (useless, useful):
        useless.plan = [fault]
        number = 31173 + [Kind.SILENCE, Kind.ANSWER, Kind.RESET_BEFORE].index(fault.kind)
        environment = Environment(f"no-use-{number}", number, [useless, useful], tmp_path, settings={"read_timeout": 2})
        writing(environment)
        assert {one.server for one in useful.log.writes} == {useful.url}
        put_only_once(useful.log.writes)


def test_a_server_that_accepts_and_says_nothing_is_given_up_in_time(cluster: Any) -> None:
    with serving(cluster, 1) as (proxy,):
        proxy.plan = [SILENT]
        marathon = HttpMarathon(connection(proxy.url, read_timeout=0.4))
        for ask, longest in ((marathon.info, 3.0), (lambda: marathon.put_app("/ciprov/silent", APP), 1.5)):
            began = time.monotonic()
            with pytest.raises(MarathonUnavailable, match=r"no answer within 0\.4 s") as told:
                ask()
            assert time.monotonic() - began < longest
            assert "CIPROV_TIMEOUT" in told.value.way_out


def test_an_answer_that_comes_too_late_is_not_asked_for_twice(cluster: Any, tmp_path: Path) -> None:
    """Marathon did what was asked, and whoever asked had gone."""
    with serving(cluster, 1) as (proxy,):
        proxy.plan = [Fault(Kind.LATE, 1, method="PUT", seconds=2), Fault(Kind.LATE, 1, method="DELETE", seconds=2)]
        writing(Environment("late", 31177, [proxy], tmp_path, settings={"read_timeout": 1}))
        put_only_once(proxy.log.writes)


@pytest.mark.parametrize("sent", ["wrong", ""])
def test_wrong_credentials_are_told_at_once(cluster: Any, sent: str) -> None:
    with serving(cluster, 1, Front(wants="Bearer right")) as (proxy,):
        wrong = HttpMarathon(connection(proxy.url, token=sent and f"Bearer {sent}"), retries=QUICK)
        with pytest.raises(MarathonDenied, match="401") as told:
            wrong.info()
        assert "wrong" not in str(told.value)
        assert HttpMarathon(connection(proxy.url, token="Bearer right")).info()["name"] == "marathon"


def test_below_a_path_and_past_the_proxies_of_the_environment(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    with serving(cluster, 2, Front(prefix="/service/marathon")) as (follower, leader):
        follower.leader = leader.url
        elsewhere = FaultyProxy(upstream(cluster))  # never served: only its address is used
        elsewhere.url = "http://marathon.invalid"
        writing(Environment("below", 31178, [follower, elsewhere], tmp_path))
        with pytest.raises(MarathonError, match="404"):
            HttpMarathon(connection(leader.url.removesuffix("/marathon")), retries=QUICK).info()
