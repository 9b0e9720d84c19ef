"""Rolling upgrades: capacities, and the fixed-port deadlock line by line."""

from __future__ import annotations

import itertools
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from marathon_http import MarathonApi, sleeper

PORT_HOLDER = (
    "import os, signal, socket; s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); "
    "s.bind((os.environ['HOST'], int(os.environ['PORT0']))); s.listen(); signal.pause()"
)
HOLD = f"exec {sys.executable} -c {shlex.quote(PORT_HOLDER)}"
ALIVE = {
    "protocol": "COMMAND",
    "command": {"value": "true"},
    "intervalSeconds": 1,
    "gracePeriodSeconds": 60,
    "timeoutSeconds": 5,
    "delaySeconds": 0,
}
DEAD = {**ALIVE, "command": {"value": "false"}, "gracePeriodSeconds": 600}
SETTLE_SECONDS = 0.5


def strategy(least: float, over: float) -> dict[str, float]:
    return {"minimumHealthCapacity": least, "maximumOverCapacity": over}


@pytest.fixture(scope="module")
def two_agents(cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MarathonApi]:
    """A cluster of two agents, each with half of the ports."""
    if not cluster.embedded:
        pytest.skip("how many agents a given Marathon has is not known")
    from ciprov.wiring.localcluster import Options, ensure_started, stop

    state = tmp_path_factory.mktemp("two-agents") / "state"
    running = ensure_started(state, Options(agents=2, ports="31000-31099"))
    try:
        yield MarathonApi(running.marathon, running.user, Path(running.credential_file).read_text().strip())
    finally:
        stop(state, purge=True)


def fixed_port(api: MarathonApi, name: str) -> int:
    """A host port that an agent offers and that no other test holds: one that a task has just been given."""
    api.done(api.post("/v2/apps", sleeper(f"{name}/probe")))
    (task,) = api.tasks(f"{name}/probe")
    api.done(api.delete(f"/v2/apps{name}/probe"))
    return int(task["ports"][0])


def fixed(name: str, port: int, least: float, over: float, **fields: Any) -> dict[str, Any]:
    return sleeper(
        f"{name}/app",
        cmd=HOLD,
        requirePorts=True,
        portDefinitions=[{"port": port}],
        upgradeStrategy=strategy(least, over),
        **fields,
    )


def still(seconds: float = SETTLE_SECONDS) -> None:
    """That something does not happen can only be seen by waiting."""
    time.sleep(seconds)


def stuck(api: MarathonApi, app_id: str, old: set[str]) -> None:
    """The old task serves, the new one waits in the queue, the deployment stays open."""
    api.until(lambda: api.queued(app_id))
    still()
    assert old <= api.task_ids(app_id)
    assert len(api.deployments(app_id)) == 1
    entry = api.queued(app_id)
    assert entry is not None
    assert entry["delay"]["overdue"] is True


@pytest.mark.parametrize(("least", "over"), [(1, 1), (1, 0)])
@pytest.mark.parametrize("checks", [[], [ALIVE]], ids=["unchecked", "checked"])
def test_default_strategy_is_stuck(api: MarathonApi, group: str, least: float, over: float, checks: list[Any]) -> None:
    """1/1 and 1/0: the new one queues for a port that only the old one's death frees."""
    app = fixed(group, fixed_port(api, group), least, over, healthChecks=checks)
    api.run(app)
    old = api.task_ids(app["id"])
    api.put(f"/v2/apps{app['id']}", {"env": {"NEW": "1"}})
    stuck(api, app["id"], old)
    entry = api.queued(app["id"])
    assert entry is not None
    reasons = {
        each["reason"] for each in entry["processedOffersSummary"]["rejectSummaryLastOffers"] if each["declined"]
    }
    assert reasons == {"InsufficientPorts"}
    # Forced scaling to 0 and back always works.
    api.done(api.put(f"/v2/apps{app['id']}", {"instances": 0}, force="true"))
    api.done(api.put(f"/v2/apps{app['id']}", {"instances": 1}))
    assert not old & api.task_ids(app["id"])


@pytest.mark.parametrize("over", [0, 1])
@pytest.mark.parametrize("checks", [[], [ALIVE]], ids=["unchecked", "checked"])
def test_zero_minimum_works(api: MarathonApi, group: str, over: float, checks: list[Any]) -> None:
    """0/0 and 0/1 with a healthy old one."""
    app = fixed(group, fixed_port(api, group), 0, over, healthChecks=checks)
    api.run(app)
    old = api.task_ids(app["id"])
    api.done(api.put(f"/v2/apps{app['id']}", {"env": {"NEW": "1"}}))
    assert not old & api.task_ids(app["id"])


def test_zero_minimum_within_the_first_put_works(api: MarathonApi, group: str) -> None:
    """The strategy of the new definition counts."""
    app = fixed(group, fixed_port(api, group), 1, 1)
    api.run(app)
    api.done(api.put(f"/v2/apps{app['id']}", {"env": {"NEW": "1"}, "upgradeStrategy": strategy(0, 0)}))


@pytest.mark.parametrize("over", [0, 1])
def test_zero_minimum_is_stuck_on_a_sick_old_one(api: MarathonApi, group: str, over: float) -> None:
    """Only healthy ones are counted, so none is killed. With room for none beside it, nothing even queues."""
    app = fixed(group, fixed_port(api, group), 0, over, healthChecks=[{**DEAD, "maxConsecutiveFailures": 0}])
    api.post("/v2/apps", app)
    old = api.until(lambda: api.task_ids(app["id"]))
    api.put(f"/v2/apps{app['id']}", {"env": {"NEW": "1"}}, force="true")
    still()
    assert api.task_ids(app["id"]) == old
    assert len(api.deployments(app["id"])) == 1


def test_forced_zero_minimum_is_a_way_out(api: MarathonApi, group: str) -> None:
    """A way out of the deadlock: a forced PUT with {0, 0}; for a checked app perhaps repeated."""
    app = fixed(group, fixed_port(api, group), 1, 1, healthChecks=[ALIVE])
    api.run(app)
    old = api.task_ids(app["id"])
    api.put(f"/v2/apps{app['id']}", {"env": {"NEW": "1"}})
    stuck(api, app["id"], old)

    tries = itertools.count(2)

    def out() -> bool:
        # Each a change of its own: the same definition once more would be no change at all.
        body = {"upgradeStrategy": strategy(0, 0), "env": {"NEW": str(next(tries))}}
        assert api.put(f"/v2/apps{app['id']}", body, force="true").status_code == 200
        end = time.monotonic() + 3
        while api.deployments(app["id"]) and time.monotonic() < end:
            still(0.05)
        return not old & api.task_ids(app["id"])

    api.until(out)


@pytest.mark.parametrize(("least", "works"), [(0.8, True), (0.9, False)])
def test_five_instances(two_agents: MarathonApi, least: float, works: bool) -> None:
    """.8/0 goes one by one; .9/0 rounds up to all of them and is stuck, where a sixth one has no place."""
    api, name = two_agents, f"/five-{int(least * 10)}"
    # Five places by five single tasks would need five agents, so the memory of two is the bound here.
    agents = api.get("/slaves").json()["slaves"]
    each = int(min(agent["resources"]["mem"] for agent in agents) / 3.5)
    body = sleeper(f"{name}/app", instances=5, upgradeStrategy=strategy(least, 0)) | {"mem": each}
    assert sum(int(agent["resources"]["mem"] // each) for agent in agents) == 6
    filler = sleeper(f"{name}/filler") | {"mem": each}
    try:
        api.done(api.post("/v2/apps", filler))
        api.run(body)
        old = api.task_ids(body["id"])
        answer = api.put(f"/v2/apps{body['id']}", {"env": {"NEW": "1"}})
        if works:
            api.done(answer)
            assert not old & api.task_ids(body["id"])
        else:
            stuck(api, body["id"], old)
            assert api.task_ids(body["id"]) == old
    finally:
        api.done(api.delete(f"/v2/groups{name}", force="true"))


def test_spare_agent(two_agents: MarathonApi) -> None:
    """1/0 with a spare place works: the capacity grows by one."""
    api = two_agents
    body = sleeper("/spare/app", upgradeStrategy=strategy(1, 0), constraints=[["hostname", "LIKE", ".*"]])
    try:
        api.run(body)
        old = api.task_ids(body["id"])
        api.done(api.put("/v2/apps/spare/app", {"env": {"NEW": "1"}}))
        assert not old & api.task_ids(body["id"])
    finally:
        api.done(api.delete("/v2/groups/spare", force="true"))


@pytest.mark.parametrize(
    ("least", "over", "fewest", "most"),
    [(1, 1, 4, 8), (1, 0, 4, 5), (0.5, 0, 2, 4), (0, 0, 0, 4), (0.5, 0.5, 2, 6), (1, 0.25, 4, 5)],
)
def test_capacities(api: MarathonApi, app: dict[str, Any], least: float, over: float, fewest: int, most: int) -> None:
    """While it rolls there are never fewer than the minimum, nor more than the capacity."""
    api.run({**app, "instances": 4, "upgradeStrategy": strategy(least, over)})
    old = api.task_ids(app["id"])
    answer = api.put(f"/v2/apps{app['id']}", {"env": {"NEW": "1"}})
    deployment = answer.json()["deploymentId"]
    seen: list[tuple[int, int]] = []
    while any(each["id"] == deployment for each in api.get("/v2/deployments").json()):
        tasks = api.get(f"/v2/apps{app['id']}/tasks").json()["tasks"]
        alive = [task for task in tasks if task["state"] in ("TASK_RUNNING", "TASK_STAGING", "TASK_KILLING")]
        seen.append((sum(task["state"] == "TASK_RUNNING" for task in tasks), len(alive)))
    assert all(running >= fewest for running, _ in seen), seen
    assert all(alive <= most for _, alive in seen), seen
    assert len(api.task_ids(app["id"]) - old) == 4


def test_upgrade_to_more_and_to_fewer(api: MarathonApi, app: dict[str, Any]) -> None:
    """The new count is the measure."""
    api.run({**app, "instances": 3})
    api.done(api.put(f"/v2/apps{app['id']}", {"env": {"NEW": "1"}, "instances": 1}))
    assert len(api.tasks(app["id"])) == 1
    api.done(api.put(f"/v2/apps{app['id']}", {"env": {"NEW": "2"}, "instances": 4}))
    assert len(api.tasks(app["id"])) == 4
    assert {task["version"] for task in api.tasks(app["id"])} == {api.app(app["id"])["version"]}


def test_sick_new_version_leaves_the_old_ones(api: MarathonApi, app: dict[str, Any]) -> None:
    """All old ones are kept alive while the new ones are not healthy."""
    api.run({**app, "instances": 2, "healthChecks": [ALIVE]})
    old = api.task_ids(app["id"])
    answer = api.put(f"/v2/apps{app['id']}", {"healthChecks": [DEAD]})
    api.until(lambda: len(api.tasks(app["id"])) == 4)
    assert old < api.task_ids(app["id"])
    assert api.app(app["id"])["tasksUnhealthy"] == 2
    assert [each["id"] for each in api.deployments(app["id"])] == [answer.json()["deploymentId"]]


def test_required_port_that_is_taken(api: MarathonApi, group: str) -> None:
    """If occupied, the instance waits, without failure."""
    port = fixed_port(api, group)
    one = fixed(group, port, 1, 1)
    api.run(one)
    two = {**one, "id": f"{group}/two"}
    answer = api.post("/v2/apps", two)
    api.until(lambda: api.queued(two["id"]))
    assert "lastTaskFailure" not in api.app(two["id"])
    assert [task["ports"] for task in api.tasks(one["id"])] == [[port]]
    api.delete(f"/v2/apps{one['id']}")
    api.done(answer)
    assert [task["ports"] for task in api.tasks(two["id"])] == [[port]]
