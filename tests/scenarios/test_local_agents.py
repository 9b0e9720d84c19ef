"""Several agents through the command line and the API: placement, ports, and agents that go and come back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from marathon_http import MarathonApi, sleeper
from scenario_cli import Cli, eventually

TRAITS = ["agent-1:rack:r1", "agent-2:rack:r1", "agent-3:rack:r2", "all:level:0.80"]
RACK_OF = {"agent-1": "r1", "agent-2": "r1", "agent-3": "r2", "agent-4": None}


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    """Four agents: two racks, and one for the role `public` only."""
    runner = Cli(tmp_path)
    attributes = [part for trait in TRAITS for part in ("--attribute", trait)]
    runner.ok("local", "start", "--agents", "4", "--cpus", "8", *attributes, "--role", "agent-4:public")
    yield runner
    runner.run("local", "stop", "--purge")


@pytest.fixture
def marathon(cli: Cli) -> MarathonApi:
    credential = Path(cli.cluster["credential_file"]).read_text().strip()
    return MarathonApi(cli.cluster["marathon"], cli.cluster["user"], credential)


def agents(cli: Cli) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in cli.ok("local", "agent", "list", "-o", "json").json["agents"]}


def placed(marathon: MarathonApi, app_id: str) -> list[str]:
    return sorted(task["slaveId"] for task in marathon.tasks(app_id))


def test_agents_are_hosts_of_their_own_with_ports_of_their_own(cli: Cli, marathon: MarathonApi) -> None:
    known = agents(cli)
    own = cli.cluster["service_address"]
    assert [each["hostname"] for each in known.values()] == [own[:-1] + str(number) for number in (1, 2, 3, 4)]
    slaves = {each["id"]: each for each in marathon.get("/slaves").json()["slaves"]}
    assert {name: each["hostname"] for name, each in slaves.items()} == {
        name: each["hostname"] for name, each in known.items()
    }
    assert slaves["agent-3"]["attributes"] == {"rack": "r2", "level": 0.8}
    assert {each["ports"] for each in known.values()} == {"31000-32000"}
    assert {each["resources"]["ports"] for each in slaves.values()} == {"[31000-32000]"}
    app = marathon.run(sleeper("/ports", instances=12, portDefinitions=[{"port": 0}, {"port": 0}]))
    assert all(task["host"] == known[task["slaveId"]]["hostname"] for task in app["tasks"])
    taken = [port for task in app["tasks"] for port in task["ports"]]
    assert (len(set(taken)), set(taken) <= set(range(31000, 32001))) == (24, True)


def test_a_fixed_port_is_given_up_host_by_host(marathon: MarathonApi) -> None:
    """On every usable agent with a minimum health of 0.6 for three: one by one, and the first host is no exception."""
    serve = "exec python3 -m http.server $PORT0 --bind $HOST"
    check = {"protocol": "HTTP", "intervalSeconds": 1, "timeoutSeconds": 1, "gracePeriodSeconds": 60}
    fixed = {"requirePorts": True, "portDefinitions": [{"port": 31500}], "healthChecks": [check], "cmd": serve}
    strategy = {"minimumHealthCapacity": 0.6, "maximumOverCapacity": 0}
    app = marathon.run(sleeper("/fixed", instances=3, upgradeStrategy=strategy, **fixed))
    assert {task["host"] for task in app["tasks"]} == {
        task["host"] for task in app["tasks"] if task["ports"] == [31500]
    }
    assert placed(marathon, "/fixed") == ["agent-1", "agent-2", "agent-3"]
    marathon.done(marathon.put("/v2/apps/fixed", {"env": {"CHANGED": "yes"}}))
    assert placed(marathon, "/fixed") == ["agent-1", "agent-2", "agent-3"]
    assert not {task["id"] for task in app["tasks"]} & marathon.task_ids("/fixed")
    assert "lastTaskFailure" not in marathon.app("/fixed")


def test_constraints_and_roles(marathon: MarathonApi) -> None:
    def place(name: str, instances: int, *constraint: str, **fields: Any) -> list[str]:
        wanted = [list(constraint)] if constraint else []
        marathon.run(sleeper(f"/{name}", instances=instances, constraints=wanted, portDefinitions=[], **fields))
        return placed(marathon, f"/{name}")

    def racks(names: list[str]) -> Counter[str | None]:
        return Counter(RACK_OF[name] for name in names)

    assert place("unique", 3, "hostname", "UNIQUE") == ["agent-1", "agent-2", "agent-3"]
    assert len(set(place("cluster", 4, "hostname", "CLUSTER"))) == 1
    assert set(place("cluster-r1", 4, "rack", "CLUSTER", "r1")) <= {"agent-1", "agent-2"}
    assert set(place("like", 3, "rack", "LIKE", "r[2-9]")) == {"agent-3"}
    assert set(place("unlike", 3, "rack", "UNLIKE", "r1")) == {"agent-3"}
    assert set(place("is", 2, "rack", "IS", "r2")) == {"agent-3"}
    assert len(place("number", 2, "level", "IS", "0.8001")) == 2
    assert racks(place("group-by", 6, "rack", "GROUP_BY", "2")) == {"r1": 3, "r2": 3}
    assert racks(place("max-per", 4, "rack", "MAX_PER", "2")) == {"r1": 2, "r2": 2}
    assert set(place("public/a", 2, role="public", acceptedResourceRoles=["public"])) == {"agent-4"}


def test_what_no_agent_may_take_waits_with_the_reason(marathon: MarathonApi) -> None:
    marathon.post("/v2/apps", sleeper("/five", instances=4, constraints=[["hostname", "UNIQUE"]]))
    fixed = {"requirePorts": True, "portDefinitions": [{"port": 31500}]}
    marathon.post("/v2/apps", sleeper("/fixed", instances=4, **fixed))
    marathon.until(lambda: len(marathon.tasks("/five")) == 3 and len(marathon.tasks("/fixed")) == 3)
    assert placed(marathon, "/fixed") == ["agent-1", "agent-2", "agent-3"]
    reasons = {}
    for name in ("/five", "/fixed"):
        entry = marathon.queued(name)
        assert entry is not None
        assert entry["count"] == 1
        summary = entry["processedOffersSummary"]["rejectSummaryLastOffers"]
        reasons[name] = {each["reason"]: each["declined"] for each in summary if each["declined"]}
    assert reasons["/five"] == {"UnfulfilledRole": 1, "UnfulfilledConstraint": 3}
    assert reasons["/fixed"] == {"UnfulfilledRole": 1, "InsufficientPorts": 3}


def test_a_rolling_upgrade_does_not_wait_for_the_hosts_of_the_old_ones(marathon: MarathonApi) -> None:
    unique = {"instances": 3, "constraints": [["hostname", "UNIQUE"]]}
    marathon.run(sleeper("/a", **unique))
    marathon.done(marathon.put("/v2/apps/a", {"cmd": "sleep 2000"}))
    assert placed(marathon, "/a") == ["agent-1", "agent-2", "agent-3"]


def test_a_drained_agent(cli: Cli, marathon: MarathonApi) -> None:
    agent = marathon.run(sleeper("/a", instances=6))["tasks"][0]["slaveId"]
    events = marathon.events("status_update_event")
    told = cli.ok("local", "agent", "drain", agent)
    assert f"{agent} is drained" in told.err
    marathon.until(lambda: len(marathon.tasks("/a")) == 6 and agent not in placed(marathon, "/a"))
    killed = events.next("status_update_event", lambda it: it["taskStatus"] == "TASK_KILLED")
    assert killed["slaveId"] == agent
    slave = next(each for each in marathon.get("/slaves").json()["slaves"] if each["id"] == agent)
    assert (slave["active"], slave["deactivated"]) == (False, True)
    cli.ok("local", "agent", "return", agent)
    marathon.run(sleeper("/b", constraints=[["hostname", "IS", slave["hostname"]]]))


def test_a_lost_agent_over_a_restart(cli: Cli, marathon: MarathonApi) -> None:
    spread = {"instances": 3, "constraints": [["hostname", "UNIQUE"]]}
    marathon.run(sleeper("/quick", **spread))
    patient = {"unreachableStrategy": {"inactiveAfterSeconds": 500, "expungeAfterSeconds": 600}}
    before = marathon.run(sleeper("/patient", **spread, **patient))["tasks"]
    (lost,) = [task for task in before if task["slaveId"] == "agent-3"]
    cli.ok("local", "agent", "lose", "agent-3")
    states = {task["id"]: task["state"] for task in marathon.get("/v2/apps/patient/tasks").json()["tasks"]}
    assert states[lost["id"]] == "TASK_UNREACHABLE"
    assert placed(marathon, "/quick") == ["agent-1", "agent-2"]
    assert "agent-3" not in {each["id"] for each in marathon.get("/slaves").json()["slaves"]}
    assert marathon.get("/slave(3)/state").status_code == 503
    assert sleeping(cli) == 6, "the processes run on"

    psutil.Process(cli.cluster["pid"]).kill()
    eventually(lambda: cli.run("local", "status").code == 1)
    cli.ok("local", "start")
    assert agents(cli)["agent-3"]["state"] == "lost"
    assert sleeping(cli) == 6

    again = MarathonApi(cli.cluster["marathon"], "ciprov", Path(cli.cluster["credential_file"]).read_text().strip())
    cli.ok("local", "agent", "return", "agent-3")
    again.until(lambda: placed(again, "/quick") == ["agent-1", "agent-2", "agent-3"])
    assert again.task_ids("/patient") == {task["id"] for task in before}, "it was never replaced"
    again.until(lambda: sleeping(cli) == 6)


def sleeping(cli: Cli) -> int:
    return sum("sleep 1000" in " ".join(process.cmdline()[-2:]) for process in tasks_of(cli))


def tasks_of(cli: Cli) -> list[psutil.Process]:
    return [process for process in cli.processes() if process.name() == "sleep"]


def test_what_makes_no_sense_is_refused(cli: Cli) -> None:
    refused = cli.run("local", "agent", "lose", "agent-9")
    assert refused.code == 1
    assert "there is no agent agent-9; there are agent-1, agent-2" in refused.err
    cli.ok("local", "agent", "lose", "agent-2")
    refused = cli.run("local", "agent", "drain", "agent-2")
    assert refused.code == 1
    assert "let it return first" in refused.err
    cli.ok("local", "stop")
    refused = cli.run("local", "agent", "list")
    assert refused.code == 1
    assert "ciprov local start" in refused.err
    refused = cli.run("local", "start", "--attribute", "rack:r1")
    assert refused.code == 64
    assert "agent-1 to agent-4" not in refused.err
