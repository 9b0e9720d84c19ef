"""`sleep` and `wake` against a model of Marathon whose clock moves only when somebody waits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from marathon_model import GROUP, Killed, World, app, desired
from operating import CHAIN, down, up

from ciprov.domain.environment import Phase
from ciprov.environments.results import UpFailed
from ciprov.environments.status import NoSuchEnvironment
from ciprov.foundation.errors import CiprovError

APPS = (
    CHAIN[0],
    app("api", instances=2, dependencies=["db"]),
    app("web", dependencies=["api"]),
    app("off", instances=0),
)
COUNTS = {f"{GROUP}/db": 1, f"{GROUP}/api": 2, f"{GROUP}/web": 1, f"{GROUP}/off": 0}


def sleep(world):
    return world.service().sleep("x", 1.0, [].append)


def wake(world, timeout=60):
    return world.service().wake("x", 1.0, timeout, [].append)


def counts(world):
    return {app_id: one.instances for app_id, one in world.live.items()}


def made():
    world = World()
    up(world, desired(*APPS))
    world.writes.clear()
    return world


def test_sleep_stops_in_reverse_order_and_wake_is_one_write():
    world = made()
    ports = dict(world.records["x"].service_ports)
    bodies = {app_id: {**one.body, "instances": 0} for app_id, one in world.live.items()}
    rest = sleep(world)
    assert (rest.changed, dict(rest.counts)) == (True, COUNTS)
    assert [write.split()[1] for write in world.writes] == [f"{GROUP}/{one}" for one in ("web", "api", "db")]
    record = world.records["x"]
    assert (record.phase, dict(record.pending_counts), record.operation) == (Phase.ASLEEP, COUNTS, None)
    assert set(counts(world).values()) == {0}

    world.writes.clear()
    assert not sleep(world).changed
    assert world.writes == []

    assert wake(world).changed
    assert len(world.writes) == 1
    assert counts(world) == COUNTS
    record = world.records["x"]
    assert (record.phase, dict(record.pending_counts), record.service_ports) == (Phase.READY, {}, ports)
    assert {app_id: {**one.body, "instances": 0} for app_id, one in world.live.items()} == bodies
    assert not wake(world).changed
    assert [entry.operation for entry in world.entries] == ["up", "sleep", "wake"]
    assert world.entries[-1].outcome == "awake"


def test_scaling_by_hand_survives_a_sleep():
    world = made()
    world.put_app(f"{GROUP}/api", {"instances": 5})
    world.advance(5)
    sleep(world)
    wake(world)
    assert counts(world) == COUNTS | {f"{GROUP}/api": 5}


def test_up_wakes_what_sleeps():
    world = made()
    sleep(world)
    assert up(world, desired(*APPS)).outcome == "ready"
    assert counts(world) == COUNTS
    assert world.records["x"].phase is Phase.READY


def up_again(world):
    return up(world, desired(*APPS))


@pytest.mark.parametrize("command", [sleep, wake, up_again, down])
@pytest.mark.parametrize("first", [sleep, wake])
def test_killed_at_any_call_it_is_taken_up_by_any_command(first, command):
    calls = [sleep, wake, up_again, down].index(command)
    while True:
        calls += 7
        world = made()
        if first is wake:
            sleep(world)
        world.kill_at = world.calls + calls
        try:
            first(world)
        except Killed:
            pass
        else:
            break
        if command is wake and world.records["x"].phase is Phase.READY:
            continue
        command(world)
        if command is down:
            assert (world.live, world.records) == ({}, {})
            continue
        record = world.records["x"]
        asleep = command is sleep
        assert counts(world) == (dict.fromkeys(COUNTS, 0) if asleep else COUNTS), calls
        assert (record.phase, record.operation) == (Phase.ASLEEP if asleep else Phase.READY, None)
        assert not asleep or dict(record.pending_counts) == COUNTS
    assert calls > 20


def test_what_is_resumed_is_the_sleep_or_the_wake():
    for first, phase in ((sleep, Phase.ASLEEP), (wake, Phase.READY)):
        world = made()
        if first is wake:
            sleep(world)
        world.kill_at = world.calls + 15
        with pytest.raises(Killed):
            first(world)
        assert world.records["x"].operation is not None
        world.service().resume("x", lambda record: None, 1.0, [].append)
        assert (world.records["x"].phase, world.records["x"].operation) == (phase, None)


def test_an_up_that_fails_after_a_killed_sleep_brings_back_what_ran():
    world = made()
    world.kill_at = world.calls + 20
    with pytest.raises(Killed):
        sleep(world)
    assert 0 in counts(world).values()
    sick = [*APPS[:2], app("web", dependencies=["api"], env={"FAIL": "1"}), APPS[3]]
    with pytest.raises(UpFailed):
        up(world, desired(*sick, timeout=5))
    assert counts(world) == COUNTS
    assert "FAIL" not in world.live[f"{GROUP}/web"].env


def test_a_wake_that_fails_can_be_tried_again():
    world = made()
    sleep(world)
    world.live[f"{GROUP}/web"].body["env"] = {"SICK": "1"}
    with pytest.raises(CiprovError, match="did not wake"):
        wake(world, timeout=5)
    record = world.records["x"]
    assert (record.phase, record.operation) == (Phase.ASLEEP, None)
    assert "web" in record.failure
    world.live[f"{GROUP}/web"].body["env"] = {}
    wake(world)
    assert (world.records["x"].phase, world.records["x"].failure) == (Phase.READY, "")


def test_a_wake_that_fails_keeps_what_may_be_secret_to_itself():
    world, told = made(), []
    sleep(world)
    world.save(replace(world.records["x"], secret_fingerprints={"password": "hash"}))
    world.live[f"{GROUP}/web"].body["env"] = {"FAIL": "1", "PASSWORD": "hunter2"}
    with pytest.raises(CiprovError, match="did not wake") as failed:
        world.service().wake("x", 60.0, 5, told.append)
    everything = str(failed.value) + "".join(map(str, told)) + str(world.records["x"]) + str(world.entries)
    assert "hunter2" not in everything


def test_what_cannot_sleep_or_wake_is_refused():
    world = World()
    with pytest.raises(NoSuchEnvironment):
        sleep(world)
    world.kill_at = 20
    with pytest.raises(Killed):
        up(world, desired(*APPS))
    for command in (sleep, wake):
        with pytest.raises(CiprovError, match="'up' was cut short"):
            command(world)
    up(world, desired(*APPS))
    sleep(world)
    world.delete_app(f"{GROUP}/api")
    with pytest.raises(CiprovError, match="went away while it slept"):
        wake(world)
    up(world, desired(*APPS))
    assert counts(world) == COUNTS
