"""What is told while `up` waits, in the end, and by the status: on a model of Marathon."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from marathon_model import GROUP, START, World, app, desired
from operating import KEEP, up

from ciprov.domain.environment import HistoryEntry, LockHeld, LockHolder
from ciprov.domain.marathon import MarathonDenied
from ciprov.environments.progress import AppProgress
from ciprov.environments.refusals import noted
from ciprov.environments.results import PlanConflict, UpFailed
from ciprov.environments.status import NoSuchEnvironment
from ciprov.foundation.errors import CiprovError

STATUS = ("x", GROUP)


def kinds(found: Any) -> dict[str, str]:
    return {one.app_id.removeprefix(f"{GROUP}/"): one.kind.value for one in found}


def refuse(world: World, error: CiprovError) -> None:
    entry = HistoryEntry("model", "x", "up", START, "me@here")
    with pytest.raises(type(error)), noted(world, entry, GROUP, world.clock().now):
        raise error


def test_a_loop_is_told_while_it_goes_on_in_the_end_and_later() -> None:
    world, told = World(), list[Any]()
    with pytest.raises(UpFailed) as failed:
        up(world, desired(app("api", env={"FAIL": "1"})), KEEP, told)
    lines = [one.detail for one in told if isinstance(one, AppProgress)]
    assert any("[task-failed]" in line for line in lines)
    assert any("2 times in a row [crash-loop]" in line for line in lines)
    assert kinds(failed.value.diagnoses) == {"api": "crash-loop"}
    assert "[crash-loop]" in world.records["x"].failure
    status = world.service().status(*STATUS)
    assert kinds(status.last_failure) == {"api": "crash-loop"}
    assert kinds(status.diagnoses)["api"] in ("crash-loop", "task-failed")
    (recorded,) = status.last_failure
    assert recorded.stderr.endswith("password hunter2")
    assert recorded.main.way_out == failed.value.diagnoses[0].main.way_out


def test_everything_that_is_stuck_is_told_with_what_failed() -> None:
    world = World()
    slow = app("slow", env={"SICK": "1"})
    with pytest.raises(UpFailed) as failed:
        up(world, desired(app("api", env={"FAIL": "1"}), slow, app("web", dependencies=["api"]), timeout=30), KEEP)
    assert kinds(failed.value.diagnoses) == {"api": "crash-loop", "web": "dependency-sick", "slow": "timed-out"}


def test_what_stops_a_deadline_without_a_cause_is_the_time() -> None:
    world = World()
    with pytest.raises(UpFailed) as failed:
        up(world, desired(app("api", env={"SICK": "1"}), timeout=20), KEEP)
    assert kinds(failed.value.diagnoses) == {"api": "timed-out"}


def test_a_conflict_has_a_kind_and_is_told_by_the_status_until_an_up_goes_on() -> None:
    world = World()
    with pytest.raises(PlanConflict) as refused:
        up(world, desired(app("web", fixed=80)))
    assert kinds(refused.value.diagnoses) == {"web": "port-not-offered"}
    refuse(world, refused.value)
    with pytest.raises(NoSuchEnvironment, match=r"no agent offers .*\[port-not-offered\]"):
        world.service().status(*STATUS)
    world.advance(5)
    up(world, desired(app("web", fixed=31500)))
    assert world.service().status(*STATUS).last_failure == ()


def test_what_refused_an_up_of_a_good_environment_is_told_besides() -> None:
    world = World()
    up(world, desired(app("web")))
    world.advance(5)
    refuse(world, MarathonDenied("Marathon refused with 401: no", status=401, place="PUT http://marathon"))
    status = world.service().status(*STATUS)
    assert status.healthy
    assert [(one.app_id, one.kind) for one in status.last_failure] == [(GROUP, "wrong-credentials")]


def test_what_was_refused_while_another_operation_ran_is_over_when_that_has_ended() -> None:
    world = World()
    up(world, desired(app("web")))
    world.advance(5)
    refuse(world, LockHeld(LockHolder("env/model/x", "1", "sam@ci-7, pid 12, env up", START, START)))
    assert [one.kind for one in world.service().status(*STATUS).last_failure] == ["locked"]
    record = world.records["x"]
    world.records["x"] = replace(record, updated_at=world.clock().now() + timedelta(seconds=1))
    assert world.service().status(*STATUS).last_failure == ()


@pytest.mark.parametrize(
    ("wrote", "kind"),
    [
        ("OSError: [Errno 98] Address already in use", "port-held"),
        ("Error: listen EADDRINUSE: address already in use :::31500\n    at Server.listen", "port-held"),
        ("java.lang.OutOfMemoryError: Java heap space", "out-of-memory"),
        ("sh: 1: servr: not found", "command-not-found"),
        ("the database is missing", "crash-loop"),
    ],
)
def test_what_a_task_wrote_may_say_more_than_its_status(wrote: str, kind: str) -> None:
    class Writing(World):
        def sandbox_tail(self, agent_id: str, task_id: str, file: str, limit: int) -> str | None:
            return f"starting\n{wrote}\n"

    with pytest.raises(UpFailed) as failed:
        up(Writing(), desired(app("api", env={"FAIL": "1"})), KEEP)
    assert kinds(failed.value.diagnoses) == {"api": kind}


def test_a_command_that_was_called_wrongly_leaves_no_note() -> None:
    world = World()
    refuse(world, CiprovError("there is no such option"))
    assert world.entries == []


def test_the_agents_are_not_asked_for_at_every_poll() -> None:
    asked = list[float]()

    class Counting(World):
        def agents(self) -> Any:
            asked.append(self.now)
            return super().agents()

    world = Counting()
    world.slaves = {"agent-0": (31000, 31000)}
    up(world, desired(app("first", fixed=31000)))
    world.live["/other/first"] = world.live.pop(f"{GROUP}/first")
    asked.clear()
    world.mesos_known = False
    with pytest.raises(UpFailed) as failed:
        up(world, desired(app("second", fixed=31000), timeout=40), KEEP)
    assert kinds(failed.value.diagnoses) == {"second": "port-held"}
    assert len([at for at in asked if at > 5]) == 1, "a master that does not answer is left alone for half a minute"
