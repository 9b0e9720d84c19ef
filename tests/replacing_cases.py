"""Generated cases of changed apps with something to themselves. What becomes of them: `replacing_outcomes`."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ciprov.environments.desired import Desired

GROUP = "/ciprov/x"
APP = f"{GROUP}/app"
PORT, OTHER_PORT = 31005, 31006

HOLDS = ("fixed", "mapped", "moved", "becomes fixed", "becomes free", "free", "external", "first volume", "swapped")
CAPACITIES = (None, (1, 1), (1, 0), (0, 0), (0, 1), (0.8, 0), (0.9, 0), (0.5, 0), (0.5, 0.5))
HEALTH = ("unchecked", "healthy", "sick", "one sick", "silent", "sick at the put", "one gone at the put")
COUNTS = (1, 2, 3, 5)


@dataclass(frozen=True)
class Case:
    """One changed app, perhaps with another that needs it; `swapped` are the ports of the two.

    `hold` is what an instance has to itself, `capacities` the `upgradeStrategy` (None: none is named), `health` that of
    the old tasks, `spare` the number of agents that have none of them.
    """

    hold: str
    capacities: tuple[float, float] | None
    instances: int
    health: str
    spare: int
    persistent: bool = False
    role: bool = False
    mesos: bool = True
    dependent: bool = False
    instances_before: int = 0

    def __str__(self) -> str:
        marks = ("persistent", "role", "dependent")
        said = [mark for mark in marks if getattr(self, mark)] + ([] if self.mesos else ["no mesos"])
        given = "/".join(map(str, self.capacities)) if self.capacities else "no strategy"
        before = f"{self.instances_before}->" if self.instances_before else ""
        return ", ".join([self.hold, given, f"{before}{self.instances} + {self.spare} agents", self.health, *said])

    @property
    def possible(self) -> bool:
        """Whether Marathon takes such apps at all, and the old state can be."""
        over = self.capacities is not None and self.capacities[1] > 0
        low = self.capacities is None or self.capacities[0] <= 0.5
        if self.hold == "external" and (self.instances > 1 or over or not low or self.instances_before > 1):
            return False
        if (self.hold == "first volume" and over) or (self.hold == "swapped" and not self.dependent):
            return False
        if self.persistent and (over or self.hold != "fixed" or self.role):
            return False
        partly = self.health in ("one sick", "one gone at the put")
        return not (partly and (self.instances_before or self.instances) < 2)

    @property
    def meddled(self) -> bool:
        """Whether the tasks change between the choice and the deployment."""
        return self.health.endswith("at the put")

    def app(self, *, new: bool) -> dict[str, Any]:
        body: dict[str, Any] = {
            "id": APP,
            "cmd": "serve",
            "cpus": 0.1,
            "mem": 32,
            "instances": self.instances if new or not self.instances_before else self.instances_before,
            "labels": {"CIPROV_ENV": "x"},
            "env": {"VERSION": "new" if new else "old"},
        }
        body |= _holding(self.hold, new)
        if self.persistent:
            volume = {"containerPath": "data", "mode": "RW", "persistent": {"size": 10}}
            body["container"] = {"type": "MESOS", "volumes": [volume]}
        if self.health != "unchecked":
            body["healthChecks"] = [{"protocol": "TCP", "maxConsecutiveFailures": 0, "gracePeriodSeconds": 5}]
        if self.capacities is not None:
            least, over = self.capacities
            body["upgradeStrategy"] = {"minimumHealthCapacity": least, "maximumOverCapacity": over}
        if self.role:
            body["role"] = "ciprov" if new else "*"
        return body

    def apps(self, *, new: bool) -> list[dict[str, Any]]:
        web = {
            "id": f"{GROUP}/web",
            "cmd": "serve",
            "cpus": 0.1,
            "mem": 32,
            "labels": {"CIPROV_ENV": "x"},
            "env": {"VERSION": "new" if new else "old"},
            "dependencies": [APP],
            **_holding("swapped there" if self.hold == "swapped" else "moved there", new),
        }
        return [self.app(new=new), *([web] if self.dependent else [])]


def _holding(hold: str, new: bool) -> dict[str, Any]:
    def fixed(port: int) -> dict[str, Any]:
        return {"requirePorts": True, "portDefinitions": [{"port": port, "name": "http"}]}

    free = {"portDefinitions": [{"port": 0, "name": "http"}]}
    mapping = {"containerPort": 80, "hostPort": PORT}
    external = {"name": "x-data", "provider": "dvdi", "options": {"dvdi/driver": "rexray"}}
    volume = {"containerPath": "/data", "mode": "RW", "external": external}
    image = {"type": "DOCKER", "docker": {"image": "nginx"}}
    persistent = {"containerPath": "data", "mode": "RW", "persistent": {"size": 10}}
    return {
        "fixed": fixed(PORT),
        "moved": fixed(OTHER_PORT if new else PORT),
        "moved there": fixed(PORT + 10),
        "swapped": fixed(OTHER_PORT if new else PORT),
        "swapped there": fixed(PORT if new else OTHER_PORT),
        "becomes fixed": fixed(PORT) if new else free,
        "becomes free": free if new else fixed(PORT),
        "free": free,
        "first volume": free | ({"container": {"type": "MESOS", "volumes": [persistent]}} if new else {}),
        "mapped": {"networks": [{"mode": "container/bridge"}], "container": image | {"portMappings": [mapping]}},
        "external": free | {"container": image | {"volumes": [volume]}},
    }[hold]


def cases(seed: int, count: int) -> list[Case]:
    """`count` different ones. First every case of the table of the fixed-port deadlock, then whatever comes."""
    rolled = random.Random(seed)
    found = dict.fromkeys(case for case in table() if case.possible)
    while len(found) < count:
        case = Case(
            hold=rolled.choice((*HOLDS, "fixed", "fixed", "mapped")),
            capacities=rolled.choice(CAPACITIES),
            instances=rolled.choice(COUNTS),
            health=rolled.choice(HEALTH),
            spare=rolled.choice((0, 0, 1, 2)),
            persistent=rolled.random() < 0.15,
            role=rolled.random() < 0.1,
            mesos=rolled.random() < 0.8,
            dependent=rolled.random() < 0.3,
            instances_before=rolled.choice((0, 0, 0, *COUNTS)),
        )
        if case.possible:
            found[case] = None
    return list(found)[:count]


def table() -> Iterator[Case]:
    for capacities, health in itertools.product(((1, 1), (1, 0), (0, 0), (0, 1)), ("unchecked", "healthy", "sick")):
        yield Case("fixed", capacities, 1, health, 0)
    yield Case("fixed", (0, 0), 1, "silent", 0)
    yield from (Case("fixed", capacities, 5, "healthy", 0) for capacities in ((0.8, 0), (0.9, 0)))
    yield Case("fixed", (1, 0), 1, "healthy", 1)


def desired(case: Case, *, new: bool) -> Desired:
    apps = case.apps(new=new)
    return Desired(
        name="x",
        kind="",
        blueprint="model",
        group_path=GROUP,
        group={"id": GROUP, "apps": apps, "groups": [], "dependencies": []},
        apps={app["id"]: app for app in apps},
        service_ports={},
        routes=(),
        timeout=60,
        ttl=None,
        parameters={},
        secret_fingerprints={},
        secret_values=frozenset(),
    )
