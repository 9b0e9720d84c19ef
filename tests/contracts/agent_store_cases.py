"""What every backend must do for agent services. Its test module gives a `place`, and how to do harm there."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from stopped_process import freeze, thaw
from store_cases import StoreAt, processes

from ciprov.domain.agents import Key
from ciprov.domain.environment import LockHeld
from ciprov.foundation.errors import CiprovError
from ciprov.store.errors import StoreError

ELECTION = "agents/staging/ci"
FRAMEWORK = Key("framework", "id")


def agent(number: int | str) -> Key:
    return Key("agent", f"ci-linux-{number}")


def numbered(count: int, generation: int = 0) -> dict[Key, Any]:
    """As large as those of real agents and tasks."""
    return {
        agent(number): {"generation": generation, "labels": ["linux", "docker"], "detail": "x" * 500}
        for number in range(count)
    }


@contextmanager
def leading(store: Any, who: str = "me", service: str = "ci", cluster: str = "staging") -> Iterator[Any]:
    """`(agents, lead)` of a service that leads."""
    with store.election(f"agents/{cluster}/{service}", who) as lead:
        assert lead.wait(20)
        yield store.agents(cluster, service, lead), lead


def kept(open_store: StoreAt, place: str, service: str = "ci", cluster: str = "staging") -> Any:
    """As the next one to lead finds it."""
    with leading(open_store(place, 30.0), "the next one", service, cluster) as (agents, _):
        return agents.load()


def write_generations_until_killed(open_store: StoreAt, place: str, count: int, written: Any) -> None:
    with leading(open_store(place, 60.0), "the victim") as (agents, _):
        generation = 1 + max((one["generation"] for one in agents.load().values()), default=0)
        while True:
            # Every other document goes and comes, so that half a write would show.
            keep = {key: one for key, one in numbered(count, generation).items() if (key != agent(generation % 2))}
            agents.write(keep, [agent(generation % 2)])
            written.send(generation)
            generation += 1


def write_after_stop(open_store: StoreAt, place: str, ready: Any, go: Any, results: Any) -> None:
    with leading(open_store(place, 0.6), "the stopped one") as (agents, lead):
        agents.write(numbered(3))
        ready.set()
        go.wait(30)
        for write in (lambda: agents.write({agent(0): {"too": "late"}}), lambda: agents.write({}, [agent(1)])):
            try:
                write()
                results.put("written")
            except LockHeld as held:
                results.put(held.holder.description)
        try:
            lead.check()
            results.put("still leads")
        except LockHeld as held:
            results.put(held.holder.description)


class AgentStoreContract:
    open_store: StoreAt

    def take_the_lock_away(self, place: str) -> None:
        """As if the lease or the session of who leads had ended."""
        raise NotImplementedError

    def overwrite(self, place: str, key: Key, text: str) -> None:
        raise NotImplementedError

    @pytest.fixture
    def store(self, place: str) -> Iterator[Any]:
        store = type(self).open_store(place, 30.0)
        yield store
        store.close()

    def kept(self, place: str, **whose: str) -> Any:
        return kept(type(self).open_store, place, **whose)

    def test_nothing_is_kept_at_first(self, store: Any) -> None:
        with leading(store) as (agents, _):
            assert agents.load() == {}

    def test_what_is_written_is_found_by_the_next_one(self, store: Any, place: str) -> None:
        documents = {
            agent(1): {"labels": ["linux"], "times": {"wanted": "2024-05-06T07:08:09+00:00"}, "none": None, "n": 1.5},
            Key("task", "ci-linux-1"): {"text": "žluťoučký kůň\n", "deep": {"list": [{"a": True}]}},
            FRAMEWORK: {"id": "20240506-070809-1"},
            Key("service", "drained"): {"templates": []},
            Key("agent", "odd/name: ./..%2F"): {},
            Key("agent", ".."): {"schema": 1},
        }
        documents[Key("agent", "..")] = {}
        with leading(store) as (agents, _):
            agents.write(documents)
            assert agents.load() == documents
        assert self.kept(place) == documents

    def test_a_write_replaces_and_removes(self, store: Any, place: str) -> None:
        with leading(store) as (agents, _):
            agents.write(numbered(4))
            agents.write({agent(0): {"new": 1}, agent(9): {"new": 2}}, [agent(1), agent(2), agent("unknown")])
            agents.write({}, [])
            agents.write({agent(3): {"put": "wins"}}, [agent(3)])
            agents.write({}, [agent(9)])
            agents.write({agent(9): {"back": True}})
        assert self.kept(place) == {agent(0): {"new": 1}, agent(3): {"put": "wins"}, agent(9): {"back": True}}

    def test_services_and_clusters_are_apart(self, store: Any, place: str) -> None:
        for service, cluster in (("ci", "staging"), ("nightly", "staging"), ("ci", "production")):
            with leading(store, "me", service, cluster) as (agents, _):
                agents.write({agent(1): {"of": f"{service} {cluster}"}})
        for service, cluster in (("ci", "staging"), ("nightly", "staging"), ("ci", "production")):
            assert self.kept(place, service=service, cluster=cluster) == {agent(1): {"of": f"{service} {cluster}"}}

    def test_a_kind_that_nobody_could_read_is_not_written(self, store: Any, place: str) -> None:
        with leading(store) as (agents, _), pytest.raises(ValueError, match="'pet' is no kind"):
            agents.write({agent(1): {}, Key("pet", "x"): {}})
        assert self.kept(place) == {}

    # Who leads

    def test_who_does_not_lead_neither_reads_nor_writes(self, store: Any, place: str) -> None:
        other = type(self).open_store(place, 30.0)
        with store.election(ELECTION, "bob") as standby:
            agents = store.agents("staging", "ci", standby)
            for act in (agents.load, lambda: agents.write(numbered(1))):
                with pytest.raises(CiprovError, match="nobody was elected"):
                    act()
            with leading(other, "ann"):
                assert not standby.wait(0.1)
                for act in (agents.load, lambda: agents.write(numbered(1))):
                    with pytest.raises(LockHeld, match="agent service ci on staging is locked by ann"):
                        act()
        assert self.kept(place) == {}
        other.close()

    def test_who_has_left_writes_nothing_more(self, store: Any, place: str) -> None:
        with leading(store) as (agents, _):
            agents.write(numbered(1))
        with pytest.raises(CiprovError):
            agents.write(numbered(2))
        assert len(self.kept(place)) == 1

    def test_a_lead_that_was_taken_away_is_noticed_by_the_write_itself(self, store: Any, place: str) -> None:
        with leading(store) as (agents, _):
            agents.write(numbered(2))
            self.take_the_lock_away(place)
            for write in (lambda: agents.write({agent(0): {"too": "late"}}), lambda: agents.write({}, [agent(1)])):
                with pytest.raises(LockHeld, match="is lost"):
                    write()
        assert self.kept(place) == numbered(2)

    def test_who_leads_anew_has_to_read_anew(self, place: str) -> None:
        store = type(self).open_store(place, 0.6)
        with leading(store) as (agents, lead):
            agents.write({agent("old"): {}})
            self.take_the_lock_away(place)
            with leading(type(self).open_store(place, 30.0), "another") as (others, _):
                others.write({agent("new"): {}}, [agent("old")])
                with pytest.raises(LockHeld):
                    self.until_lost(lead)
            assert lead.wait(10)
            with pytest.raises(LockHeld, match="another may have led"):
                agents.write({agent("old"): {"by": "what was true before"}})
            assert agents.load() == {agent("new"): {}}
            agents.write({agent("newer"): {}})
        assert self.kept(place) == {agent("new"): {}, agent("newer"): {}}
        store.close()

    def until_lost(self, lead: Any) -> None:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            lead.check()
            time.sleep(0.02)

    def test_a_stopped_service_writes_nothing_once_another_leads(self, store: Any, place: str) -> None:
        ready, go, results = processes.Event(), processes.Event(), processes.Queue()
        arguments = (type(self).open_store, place, ready, go, results)
        sleeper = processes.Process(target=write_after_stop, args=arguments)
        sleeper.start()
        assert ready.wait(20)
        assert sleeper.pid is not None
        freeze(sleeper.pid)
        try:
            with leading(store, "the taker") as (agents, _):
                assert agents.load() == numbered(3)
                agents.write({agent(7): {"by": "the taker"}})
                thaw(sleeper.pid)
                go.set()
                assert [results.get(timeout=20) for _ in range(3)] == ["the taker"] * 3
                assert agents.load() == {**numbered(3), agent(7): {"by": "the taker"}}
        finally:
            thaw(sleeper.pid)
            sleeper.join()

    # Several processes

    def test_of_two_services_with_one_name_the_second_waits_and_takes_over_all(self, store: Any, place: str) -> None:
        receiving, sending = processes.Pipe(duplex=False)
        arguments = (type(self).open_store, place, 10, sending)
        first = processes.Process(target=write_generations_until_killed, args=arguments)
        first.start()
        assert receiving.poll(20)
        with store.election(ELECTION, "the second") as standby:
            assert not standby.wait(0.3)
            assert first.pid is not None
            os.kill(first.pid, signal.SIGKILL)
            assert standby.wait(15)
            first.join()
            self.assert_whole(store.agents("staging", "ci", standby).load(), last_received(receiving))

    def test_killed_in_the_middle_nothing_is_half_written(self, store: Any, place: str) -> None:
        luck = random.Random(5)
        for _ in range(5):
            receiving, sending = processes.Pipe(duplex=False)
            arguments = (type(self).open_store, place, 100, sending)
            victim = processes.Process(target=write_generations_until_killed, args=arguments)
            victim.start()
            assert receiving.poll(20)
            assert victim.pid is not None
            time.sleep(luck.uniform(0.0, 0.1))
            os.kill(victim.pid, signal.SIGKILL)
            victim.join()
            with leading(store, "the next one") as (agents, _):
                self.assert_whole(agents.load(), last_received(receiving))

    def assert_whole(self, found: Any, acknowledged: int) -> None:
        (generation,) = {one["generation"] for one in found.values()}
        assert agent(generation % 2) not in found
        assert agent(1 - generation % 2) in found
        assert generation in {acknowledged, acknowledged + 1}

    def test_threads_may_write_at_once(self, store: Any, place: str) -> None:
        with leading(store) as (agents, _):
            threads = [
                threading.Thread(target=lambda n=n: [agents.write({agent(f"{n}-{i}"): {}}) for i in range(20)])  # type: ignore[misc]
                for n in range(4)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
        assert len(self.kept(place)) == 80

    # What cannot be read

    def test_a_damaged_document_is_named_with_its_place_and_the_way_out(self, store: Any, place: str) -> None:
        with leading(store) as (agents, _):
            agents.write(numbered(3))
        for text in ("dear diary", "[]", '{"schema": "x"}'):
            self.overwrite(place, agent(1), text)
            with pytest.raises(StoreError) as refusal:
                self.kept(place)
            assert "agent ci-linux-1 of agent service ci on cluster staging cannot be read" in str(refusal.value)
            assert place.partition("/")[2] in refusal.value.place
            assert "from a backup" in refusal.value.way_out

    def test_the_way_out_works(self, store: Any, place: str) -> None:
        with leading(store) as (agents, _):
            agents.write(numbered(3))
        self.overwrite(place, agent(1), "dear diary")
        with pytest.raises(StoreError) as refusal:
            self.kept(place)
        self.follow(place, refusal.value.way_out)
        assert sorted(key.id for key in self.kept(place)) == ["ci-linux-0", "ci-linux-2"]

    def follow(self, place: str, way_out: str) -> None:
        """Do what deletes the document."""
        raise NotImplementedError

    def test_a_document_of_a_newer_ciprov_is_refused(self, store: Any, place: str) -> None:
        with leading(store) as (agents, _):
            agents.write(numbered(1))
        self.overwrite(place, agent(0), '{"schema": 99}')
        with pytest.raises(StoreError, match=r"(?s)ci-linux-0 of agent service ci .*newer ciprov.*version 99"):
            self.kept(place)

    # How long it takes: generous bounds, `scripts/bench` is for figures

    def test_a_burst_is_written_and_much_is_read_quickly(self, store: Any, place: str) -> None:
        with leading(store) as (agents, _):
            agents.write(numbered(1))
            started = time.monotonic()
            agents.write(numbered(100))
            assert time.monotonic() - started < 1
            agents.write(numbered(2_000))
        started = time.monotonic()
        assert self.kept(place) == numbered(2_000)
        assert time.monotonic() - started < 5


def last_received(receiving: Any) -> int:
    """The last number whose write was acknowledged before its writer was killed."""
    last = 0
    while receiving.poll(0):
        last = receiving.recv()
    return last
