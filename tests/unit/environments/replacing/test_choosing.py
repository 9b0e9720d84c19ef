"""Which way is chosen for a changed app, and the reason that the plan shows."""

from __future__ import annotations

from typing import Any

import pytest

from ciprov.environments.replacing.around import Around
from ciprov.environments.replacing.choosing import Change, choose

ID = "/e/db"


def app(**more: Any) -> dict[str, Any]:
    return {
        "id": ID,
        "cmd": "old",
        "instances": 1,
        "requirePorts": True,
        "portDefinitions": [{"port": 31500}],
        "healthChecks": [{"protocol": "TCP"}],
        **more,
    }


def task(number: int = 1, **more: Any) -> dict[str, Any]:
    well = {"state": "TASK_RUNNING", "healthCheckResults": [{"alive": True}]}
    return {"id": f"e_db.{number}", "slaveId": f"S{number}", "host": f"h{number}", "ports": [31500], **well, **more}


def slave(number: int, used: str = "[]", **more: Any) -> dict[str, Any]:
    total = {"cpus": 4.0, "mem": 4096.0, "disk": 4096.0, "gpus": 0.0, "ports": "[31000-32000]"}
    return {
        "id": f"S{number}",
        "resources": total,
        "used_resources": {"cpus": 1.0, "mem": 128.0, "ports": used},
        **more,
    }


def strategy(least: float, over: float) -> dict[str, Any]:
    return {"upgradeStrategy": {"minimumHealthCapacity": least, "maximumOverCapacity": over}}


HELD = slave(1, "[31500-31500]")
SPARE = slave(2)
FIVE = [task(number) for number in range(1, 6)]


@pytest.mark.parametrize(
    ("more", "around", "way", "because"),
    [
        ({}, Around(), "scale-to-zero", "would wait for ever"),
        ({}, Around({ID: [task()]}), "in-place", "all old instances are healthy"),
        ({}, Around({ID: [task()]}, [HELD]), "in-place", "capacities 0/0"),
        ({}, Around({ID: [task()]}, [HELD, SPARE]), "rolling", "Marathon's default"),
        (strategy(1, 0), Around({ID: [task()]}, [HELD, SPARE]), "rolling", "its upgradeStrategy 1/0"),
        (strategy(1, 0), Around({ID: [task()]}, [HELD]), "scale-to-zero", "its upgradeStrategy 1/0 would wait"),
        (strategy(1, 0), Around({ID: [task()]}), "scale-to-zero", "would wait for ever"),
        (strategy(0, 1), Around({ID: [task()]}), "in-place", "its upgradeStrategy 0/1"),
        # A spare agent that is full, taken, for a role only, gone, or that constraints may forbid is none.
        (strategy(1, 0) | {"cpus": 5}, Around({ID: [task()]}, [HELD, SPARE]), "scale-to-zero", "wait"),
        (strategy(1, 0), Around({ID: [task()]}, [HELD, slave(2, "[31500-31500]")]), "scale-to-zero", "wait"),
        (
            strategy(1, 0),
            Around({ID: [task()]}, [HELD, slave(2, reserved_resources={"r": {}})]),
            "scale-to-zero",
            "wait",
        ),
        (strategy(1, 0), Around({ID: [task()]}, [HELD, slave(2, active=False)]), "scale-to-zero", "wait"),
        (
            strategy(1, 0) | {"constraints": [["rack", "UNIQUE"]]},
            Around({ID: [task()]}, [HELD, SPARE]),
            "scale",
            "wait",
        ),
        # Sick, starting, missing.
        ({}, Around({ID: [task(healthCheckResults=[{"alive": False}])]}), "scale-to-zero", "only 0 of its 1"),
        ({}, Around({ID: [task(healthCheckResults=[])]}), "scale-to-zero", "only 0 of its 1 instances are healthy"),
        ({}, Around({ID: [task(state="TASK_STAGING")]}), "scale-to-zero", "only 0 of its 1"),
        ({}, Around({ID: []}), "scale-to-zero", "only 0 of its 1"),
        # Out of reach.
        ({}, Around({ID: [task(state="TASK_UNREACHABLE")]}), "scale-to-zero", "task e_db.1 on h1 cannot be reached"),
        ({}, Around({ID: [task()]}, [SPARE]), "scale-to-zero", "task e_db.1 on h1 cannot be reached"),
        ({"role": "prod"}, Around({ID: [task()]}, [HELD]), "delete-create", "keep the role dev"),
    ],
)
def test_one_instance_with_a_fixed_port(more: dict[str, Any], around: Around, way: str, because: str) -> None:
    chosen = choose(Change(app(cmd="new", **more), app(role="dev"), 1, around))
    assert chosen.strategy.startswith(way), chosen
    assert because in chosen.reason


@pytest.mark.parametrize(
    ("more", "way"),
    [
        (strategy(0.8, 0), "rolling"),
        (strategy(0.9, 0), "scale-to-zero"),
        (strategy(0.8, 0) | {"cpus": 2}, "scale-to-zero"),  # nobody knows whether there is room for the larger ones
        (strategy(0.8, 0) | {"constraints": [["rack", "GROUP_BY"]]}, "scale-to-zero"),
    ],
)
def test_five_instances_one_by_one_with_nothing_known_of_agents(more: dict[str, Any], way: str) -> None:
    chosen = choose(Change(app(instances=5, cmd="new", **more), app(instances=5), 5, Around({ID: FIVE})))
    assert chosen.strategy == way


def test_a_port_that_another_app_has_or_wants_is_given_up_first() -> None:
    around = Around({ID: [task()]}, [HELD, SPARE])
    chosen = choose(Change(app(cmd="new"), app(), 1, around, elsewhere={31500}))
    assert chosen.strategy == "scale-to-zero"
    assert "another app of the environment has or wants host port 31500, too" in chosen.reason


def test_an_external_volume_is_never_wanted_twice() -> None:
    volume = {"containerPath": "d", "mode": "RW", "external": {"name": "x-db", "provider": "dvdi"}}
    free = {"requirePorts": False, "container": {"type": "MESOS", "volumes": [volume]}}
    around = Around({ID: [task()]}, [HELD, SPARE])
    for more, way in (({}, "in-place"), (strategy(0.5, 0), "scale-to-zero"), (strategy(0, 0), "in-place")):
        chosen = choose(Change(app(cmd="new", **free, **more), app(**free), 1, around))
        assert chosen.strategy == way
        assert "the external volume x-db" in chosen.reason


def test_what_holds_nothing_is_stopped_only_where_its_sick_instances_leave_no_room() -> None:
    free = {"requirePorts": False, "instances": 2}
    sick = [task(number, healthCheckResults=[{"alive": False}]) for number in (1, 2)]
    for more, way in (({}, "rolling"), (strategy(1, 0), "scale-to-zero"), (strategy(1, 0.5), "rolling")):
        assert choose(Change(app(cmd="new", **free, **more), app(**free), 2, Around({ID: sick}))).strategy == way
