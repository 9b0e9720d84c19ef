"""A task's sandbox on its agent. Fact: "`/files/browse?path=`, `/files/read?path=&offset=&length=` on the agent"."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from plain_mesos import Json, Place
from plain_scheduler import Scheduler
from real_mesos import eventually
from task_infos import id_of, task


class Sandbox(NamedTuple):
    agent: Place
    directory: str
    executor: Json

    def read(self, name: str, **query: object) -> Json:
        found = self.agent.read("/files/read", path=f"{self.directory}/{name}", **query)
        assert isinstance(found, dict)
        return found

    def text(self, name: str) -> str:
        return str(self.read(name, offset=0, length=100_000)["data"])


def run(scheduler: Scheduler, command: Json | str, state: str = "TASK_FINISHED") -> Sandbox:
    """Of a task that has come to that state."""
    offer = scheduler.offer()
    launched = task(offer, command)
    scheduler.accept([offer], [launched])
    scheduler.status(id_of(launched), state)
    executor = next(one for one in scheduler.executors(offer) if one["id"] == id_of(launched))
    return Sandbox(scheduler.master.agent(offer), executor["directory"], executor)


def test_where_the_sandbox_of_a_task_is(scheduler: Scheduler) -> None:
    found = run(scheduler, "sleep 100", "TASK_RUNNING").executor
    status = scheduler.told[-1]
    assert found["id"] == found["source"] == status["task_id"]["value"]
    assert found["container"] == status["container_status"]["container_id"]["value"]
    assert found["directory"].startswith("/")
    assert [one["id"] for one in found["tasks"]] == [found["id"]]


def test_what_a_task_says(scheduler: Scheduler) -> None:
    found = run(scheduler, "echo one; echo two; echo three >&2")
    assert found.text("stdout") == "one\ntwo\n"
    assert "three\n" in found.text("stderr")


def test_the_files_of_a_sandbox(scheduler: Scheduler) -> None:
    found = run(scheduler, "printf 12345 > five; mkdir -p deep/er; echo > deep/er/file")
    listed = {one["path"]: one for one in found.agent.read("/files/browse", path=found.directory)}
    assert {f"{found.directory}/{name}" for name in ("stdout", "stderr", "five", "deep")} <= set(listed)
    five = listed[f"{found.directory}/five"]
    assert (five["size"], five["nlink"], five["uid"]) == (5, 1, "root")
    assert five["mode"].startswith("-rw")
    assert listed[f"{found.directory}/deep"]["mode"].startswith("d")
    below = found.agent.read("/files/browse", path=f"{found.directory}/deep/er")
    assert [one["path"] for one in below] == [f"{found.directory}/deep/er/file"]


def test_a_task_works_in_its_sandbox(scheduler: Scheduler) -> None:
    found = run(scheduler, 'pwd; echo "$MESOS_SANDBOX"')
    assert found.text("stdout").splitlines() == [found.directory] * 2


def test_a_part_of_a_file(scheduler: Scheduler) -> None:
    found = run(scheduler, "printf 0123456789")
    assert found.read("stdout", offset=3, length=4) == {"data": "3456", "offset": 3}
    assert found.read("stdout", offset=8) == {"data": "89", "offset": 8}


@pytest.mark.parametrize("query", [{"offset": -1}, {}])
def test_how_long_a_file_is(scheduler: Scheduler, query: dict[str, int]) -> None:
    """Without an offset only the length is told."""
    assert run(scheduler, "printf 0123456789").read("stdout", **query) == {"data": "", "offset": 10}


def test_behind_the_end_of_a_file_is_nothing(scheduler: Scheduler) -> None:
    assert run(scheduler, "printf 0123456789").read("stdout", offset=99) == {"data": "", "offset": 99}


def test_a_log_can_be_followed(scheduler: Scheduler) -> None:
    command = "echo begun; until [ -e go ]; do sleep 0.02; done; echo ended; sleep 100"
    found = run(scheduler, command, "TASK_RUNNING")
    eventually(lambda: found.read("stdout", offset=0)["data"] == "begun\n", 5, "the first line is there")
    assert found.read("stdout", offset=6) == {"data": "", "offset": 6}


def test_a_whole_file_is_downloaded(scheduler: Scheduler) -> None:
    found = run(scheduler, "printf 0123456789")
    answer = found.agent.get("/files/download", path=f"{found.directory}/stdout")
    assert (answer.status, answer.body) == (200, b"0123456789")
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")


def test_what_is_not_there(scheduler: Scheduler) -> None:
    found = run(scheduler, "true")
    for kind in ("read", "browse", "download"):
        assert found.agent.get(f"/files/{kind}", path=f"{found.directory}/nothing").status == 404


@pytest.mark.parametrize("path", ["/etc/passwd", "{}/../../../../../../../../../../../../etc/passwd"])
def test_what_is_no_sandbox(scheduler: Scheduler, path: str) -> None:
    found = run(scheduler, "true")
    for kind in ("read", "browse", "download"):
        assert found.agent.get(f"/files/{kind}", path=path.format(found.directory)).status == 404


def test_a_directory_is_not_read(scheduler: Scheduler) -> None:
    found = run(scheduler, "true")
    answer = found.agent.get("/files/read", path=found.directory, offset=0)
    assert (answer.status, answer.text.strip()) == (400, "Cannot read a directory.")


@pytest.mark.parametrize("kind", ["read", "browse"])
def test_a_path_is_needed(scheduler: Scheduler, kind: str) -> None:
    answer = scheduler.master.agent(scheduler.offer()).get(f"/files/{kind}")
    assert (answer.status, answer.text.strip()) == (400, "Expecting 'path=value' in query.")


def test_the_sandbox_outlives_task_and_framework(scheduler: Scheduler) -> None:
    found = run(scheduler, "echo kept")
    scheduler.teardown()
    assert found.text("stdout") == "kept\n"
