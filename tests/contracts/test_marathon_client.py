"""The Marathon client against a Marathon. Each test begins with the fact about Marathon that it rests on."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ciprov.clients.connection import Connection
from ciprov.clients.marathon.client import HttpMarathon
from ciprov.clients.mesos_agents import HttpAgents
from ciprov.domain.marathon import (
    DeploymentRef,
    MarathonConflict,
    MarathonDenied,
    MarathonEvent,
    MarathonInvalid,
    MarathonNotFound,
)

SLEEP = {"cmd": "exec sleep 1000", "cpus": 0.01, "mem": 16, "portDefinitions": [], "backoffSeconds": 0}
NEVER_PLACED = {**SLEEP, "cpus": 100_000}


def connection(cluster: Any, url: str, **changes: Any) -> Connection:
    return Connection(
        **({"name": "test", "servers": [url], "user": cluster.user, "password": cluster.password} | changes)
    )


@pytest.fixture
def marathon(cluster: Any) -> HttpMarathon:
    return HttpMarathon(connection(cluster, cluster.marathon))


@pytest.fixture
def agents(cluster: Any) -> HttpAgents:
    return HttpAgents(connection(cluster, cluster.mesos) if cluster.mesos else None)


@pytest.fixture
def group(marathon: HttpMarathon) -> Iterator[str]:
    """The path of a group that is nobody else's; removed afterwards."""
    path = f"/ciprov-test/{uuid.uuid4().hex[:8]}"
    yield path
    with contextlib.suppress(MarathonNotFound):
        finish(marathon, marathon.delete_group(path, force=True))


def eventually(check: Callable[[], Any], seconds: float = 30) -> Any:
    end = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)
    return found


def finish(marathon: HttpMarathon, deployment: DeploymentRef) -> None:
    """A deployment that is no longer listed has ended."""
    eventually(lambda: all(one["id"] != deployment.id for one in marathon.deployments()))


def put(marathon: HttpMarathon, group: str, **apps: Any) -> None:
    body = {"id": group, "apps": [{"id": f"{group}/{name}", **app} for name, app in apps.items()]}
    finish(marathon, marathon.put_group(group, body))


def running(marathon: HttpMarathon, app_id: str) -> set[str]:
    return {task["id"] for task in marathon.tasks(app_id) if task["state"] == "TASK_RUNNING"}


def test_info_tells_name_and_version(marathon: HttpMarathon) -> None:
    """`/v2/info`: name, version, elected, leader, frameworkId."""
    info = marathon.info()
    assert info["name"] == "marathon"
    assert info["version"]
    assert info["frameworkId"]


def test_what_does_not_exist_is_none_or_empty(marathon: HttpMarathon, group: str) -> None:
    """404 with a `message` for unknown apps and groups; a cancelled deployment that is not running is 404."""
    assert marathon.group(group) is None
    assert marathon.app(f"{group}/a") is None
    assert marathon.tasks(f"{group}/a") == []
    marathon.cancel_deployment(str(uuid.uuid4()))
    with pytest.raises(MarathonNotFound):
        marathon.delete_app(f"{group}/a")
    with pytest.raises(MarathonNotFound):
        marathon.delete_group(group)


def test_a_group_put_makes_everything_and_answers_a_deployment(marathon: HttpMarathon, group: str) -> None:
    """Every change answers `{version, deploymentId}`; missing parents are created; it is done once not listed."""
    ref = marathon.put_group(group, {"id": group, "apps": [{"id": "a", **SLEEP}], "groups": [{"id": "g"}]})
    assert ref.id
    assert ref.version
    finish(marathon, ref)
    assert len(running(marathon, f"{group}/a")) == 1


def test_a_group_is_read_with_counts_and_deployments_of_all_apps_below(marathon: HttpMarathon, group: str) -> None:
    """`embed` given: only what is named, so groups, apps, counts and deployments are all asked for."""
    inner = {"id": f"{group}/inner", "apps": [{"id": f"{group}/inner/b", **SLEEP}]}
    finish(marathon, marathon.put_group(group, {"id": group, "apps": [{"id": "a", **SLEEP}], "groups": [inner]}))
    found = marathon.group(group)
    assert found is not None
    (app,) = found["apps"]
    assert (app["id"], app["tasksRunning"], app["deployments"]) == (f"{group}/a", 1, [])
    assert found["groups"][0]["apps"][0]["tasksRunning"] == 1


def test_an_app_is_read_with_its_tasks(marathon: HttpMarathon, group: str) -> None:
    """`GET /v2/apps/{id}` is always with counts, tasks, deployments, last failure."""
    put(marathon, group, a=SLEEP)
    app = marathon.app(f"{group}/a")
    assert app is not None
    assert [task["id"] for task in app["tasks"]] == list(running(marathon, f"{group}/a"))
    assert {"host", "ports", "slaveId", "state"} <= set(app["tasks"][0])
    assert f"{group}/a" in [one["id"] for one in marathon.apps()]


def test_what_was_there_is_read_by_version(marathon: HttpMarathon, group: str) -> None:
    """Each change makes a version of the root group, by which groups below it are read as they were
    (`/v2/groups/{id}/versions/{v}`); definitions of one app by its own versions (`/v2/apps/{id}/versions/{v}`).
    """
    put(marathon, group, a=SLEEP, b=SLEEP)
    before, app = marathon.root_version(), marathon.app(f"{group}/a")
    assert app is not None
    put(marathon, group, a={**SLEEP, "cmd": "exec sleep 1001"})
    then, now = marathon.group_at(group, before), marathon.group(group)
    assert then is not None
    assert now is not None
    assert [(one["id"], one["cmd"]) for one in then["apps"]] == [(f"{group}/{a}", SLEEP["cmd"]) for a in "ab"]
    assert [one["cmd"] for one in now["apps"]] == ["exec sleep 1001"]
    assert marathon.root_version() > before
    left = marathon.app_at(f"{group}/a", app["versionInfo"]["lastConfigChangeAt"])
    assert left is not None
    assert left["cmd"] == SLEEP["cmd"]
    assert marathon.group_at(group, "2001-01-01T00:00:00.000Z") is None
    assert marathon.app_at(f"{group}/a", "2001-01-01T00:00:00.000Z") is None


def test_putting_an_app_names_only_what_changes(marathon: HttpMarathon, group: str) -> None:
    """PUT is partial by default: named fields replace whole values, others stay; an unknown id is created."""
    created = {**SLEEP, "env": {"A": "1", "B": "2"}, "labels": {"x": "y"}}
    finish(marathon, marathon.put_app(f"{group}/a", created))
    finish(marathon, marathon.put_app(f"{group}/a", {"env": {"A": "3"}}))
    app = marathon.app(f"{group}/a")
    assert app is not None
    assert (app["env"], app["labels"], app["cmd"]) == ({"A": "3"}, {"x": "y"}, SLEEP["cmd"])


def test_an_equal_definition_restarts_nothing(marathon: HttpMarathon, group: str) -> None:
    """Submitting an equal definition restarts nothing, and yields an id that ends immediately."""
    put(marathon, group, a=SLEEP)
    before = running(marathon, f"{group}/a")
    put(marathon, group, a=SLEEP)
    assert running(marathon, f"{group}/a") == before


def test_what_is_missing_from_a_group_put_goes_away(marathon: HttpMarathon, group: str) -> None:
    """PUT with `apps`: the list is complete, what is missing is removed."""
    put(marathon, group, a=SLEEP, b=SLEEP)
    put(marathon, group, b=SLEEP)
    assert marathon.app(f"{group}/a") is None
    assert marathon.app(f"{group}/b") is not None


def test_an_app_under_deployment_is_locked(marathon: HttpMarathon, group: str) -> None:
    """A change to an app under deployment is 409 with the ids that hold it, unless forced."""
    ref = marathon.put_app(f"{group}/a", NEVER_PLACED)
    with pytest.raises(MarathonConflict) as locked:
        marathon.put_app(f"{group}/a", {"cpus": 0.02})
    assert locked.value.deployment_ids == (ref.id,)
    with pytest.raises(MarathonConflict):
        marathon.delete_app(f"{group}/a")  # deletions are not forced either, though Marathon's default is to
    finish(marathon, marathon.put_app(f"{group}/a", {"cpus": 0.02}, force=True))
    assert len(running(marathon, f"{group}/a")) == 1


def test_a_forced_cancellation_leaves_the_new_definition(marathon: HttpMarathon, group: str) -> None:
    """`DELETE /v2/deployments/{id}?force=true`: cancel only, 202 with an empty body."""
    ref = marathon.put_app(f"{group}/a", NEVER_PLACED)
    marathon.cancel_deployment(ref.id)
    finish(marathon, ref)
    app = marathon.app(f"{group}/a")
    assert app is not None
    assert app["cpus"] == NEVER_PLACED["cpus"]


def test_an_instance_that_cannot_be_placed_is_in_the_queue_with_the_reason(marathon: HttpMarathon, group: str) -> None:
    """`GET /v2/queue`: apps with instances to launch, whether they wait for offers, and why offers were declined."""
    marathon.put_app(f"{group}/a", NEVER_PLACED)

    def queued() -> Any:
        found = [one for one in marathon.queue() if one["app"]["id"] == f"{group}/a"]
        summary = found[0]["processedOffersSummary"] if found else {}
        rejects = summary.get("rejectSummaryLastOffers", [])
        return [one["reason"] for one in rejects if one["declined"]] and found[0]

    found = eventually(queued)
    assert found["count"] == 1
    assert found["delay"]["overdue"] is True
    reasons = {one["reason"] for one in found["processedOffersSummary"]["rejectSummaryLastOffers"] if one["declined"]}
    assert "InsufficientCpus" in reasons


def test_a_deleted_app_is_gone_before_its_tasks_are(marathon: HttpMarathon, group: str) -> None:
    """The definition tree changes before the answer is sent: after a DELETE the next GET is 404."""
    put(marathon, group, a=SLEEP)
    ref = marathon.delete_app(f"{group}/a")
    assert marathon.app(f"{group}/a") is None
    finish(marathon, ref)
    assert marathon.tasks(f"{group}/a") == []


def test_a_deleted_group_takes_everything_below_along(marathon: HttpMarathon, group: str) -> None:
    """`DELETE /v2/groups/{id}`: everything below in one deployment."""
    put(marathon, group, a=SLEEP, b=SLEEP)
    finish(marathon, marathon.delete_group(group))
    assert marathon.group(group) is None


@pytest.mark.parametrize(
    ("change", "where"),
    [({"instances": "many"}, "instances"), ({"upgradeStrategy": {"minimumHealthCapacity": 2}}, "upgradeStrategy")],
)
def test_a_wrong_definition_names_the_path(marathon: HttpMarathon, group: str, change: Any, where: str) -> None:
    """422 (older releases: 400) with details of path and errors."""
    with pytest.raises(MarathonInvalid) as refused:
        marathon.put_app(f"{group}/a", {**SLEEP, **change})
    assert where in str(refused.value)


def test_cycles_of_dependencies_are_refused(marathon: HttpMarathon, group: str) -> None:
    """Cycles: 422 containing "cyclic dependencies"."""
    apps = [{"id": "a", **SLEEP, "dependencies": ["b"]}, {"id": "b", **SLEEP, "dependencies": ["a"]}]
    with pytest.raises(MarathonInvalid, match="cyclic dependencies"):
        marathon.put_group(group, {"id": group, "apps": apps})


def test_a_task_that_ends_is_told_as_the_last_failure(marathon: HttpMarathon, agents: HttpAgents, group: str) -> None:
    """The app keeps `lastTaskFailure` with state, message, taskId and slaveId; its sandbox can still be read."""
    failing = {**SLEEP, "cmd": "echo the reason >&2; exit 3", "backoffSeconds": 60}
    marathon.put_app(f"{group}/a", failing)
    failure = eventually(lambda: (marathon.app(f"{group}/a") or {}).get("lastTaskFailure"))
    assert failure["state"] == "TASK_FAILED"
    if agents.agents() is not None:
        assert agents.sandbox_tail(failure["slaveId"], failure["taskId"], "stderr", 1000) is not None
        stderr = agents.sandbox_tail(failure["slaveId"], failure["taskId"], "stderr", 1000)
        assert "the reason" in (stderr or "")


def test_events_of_a_deployment_wake_whoever_listens(marathon: HttpMarathon, group: str) -> None:
    """`/v2/events?event_type=`: deployment_success carries the deployment's id."""
    seen: list[MarathonEvent] = []
    woken = threading.Event()

    def wake(event: MarathonEvent) -> None:
        seen.append(event)
        woken.set()

    with marathon.events(["deployment_success"], wake):
        wanted: set[str] = set()

        def came() -> bool:
            # The stream may be attached only after a change; events are not replayed, so change once more.
            ref = marathon.put_app(f"{group}/a", {**SLEEP, "env": {"N": str(len(wanted))}})
            wanted.add(ref.id)
            finish(marathon, ref)
            woken.wait(0.5)
            return any(event.data.get("id") in wanted for event in seen)

        eventually(came)
    assert {event.type for event in seen} == {"deployment_success"}


def test_the_time_there_is_told(marathon: HttpMarathon) -> None:
    """Every answer carries the header `Date`."""
    there = marathon.server_time()
    assert there is not None
    assert abs((datetime.now(UTC) - there).total_seconds()) < 300


def test_wrong_credentials_are_denied(cluster: Any) -> None:
    """401 where authentication says no."""
    if not cluster.embedded:
        pytest.skip("whether the given Marathon asks for credentials is not known")
    wrong = HttpMarathon(connection(cluster, cluster.marathon, password="hunter2"))
    with pytest.raises(MarathonDenied) as denied:
        wrong.info()
    assert "hunter2" not in str(denied.value)
    assert cluster.password not in str(denied.value)


def test_agents_tell_what_they_offer(agents: HttpAgents) -> None:
    """A master's `/slaves`: id, hostname, active, resources with `ports` as ranges."""
    found = agents.agents()
    if found is None:
        pytest.skip("no Mesos address was given")
    assert all(one["active"] and one["hostname"] and one["resources"]["ports"].startswith("[") for one in found)


def test_output_is_followed_and_commands_run_beside_a_task(
    marathon: HttpMarathon, agents: HttpAgents, group: str
) -> None:
    """Agents serve `/files/read` by offset, and nested container sessions with the command's output and exit code."""
    if agents.agents() is None:
        pytest.skip("no Mesos address was given")
    counting = {**SLEEP, "cmd": "i=0; while :; do echo line $i; i=$((i+1)); sleep 0.1; done"}
    put(marathon, group, a=counting)
    (task,) = marathon.tasks(f"{group}/a")
    enough = time.monotonic() + 1
    pieces = agents.follow(
        task["slaveId"], task["id"], "stdout", lines=1, done=lambda: time.monotonic() > enough, pause=0.1
    )
    numbers = [int(line.split()[1]) for line in b"".join(pieces).decode().splitlines()]
    assert len(numbers) > 3
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    with agents.exec(task["slaveId"], task["id"], ["sh", "-c", "ls; echo oops >&2; exit 7"]) as session:
        output = list(session)
        assert session.exit_code() == 7
    assert b"stdout" in b"".join(data for stream, data in output if stream == "stdout")
    assert b"".join(data for stream, data in output if stream == "stderr") == b"oops\n"
