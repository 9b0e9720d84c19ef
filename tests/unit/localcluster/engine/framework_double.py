"""A framework at the engine's master, without HTTP: what it says goes through the same parsing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from engine_doubles import World

from ciprov.localcluster.master.calls import parse
from ciprov.localcluster.master.statuses import Json

CAPABILITIES = ("MULTI_ROLE", "PARTITION_AWARE", "TASK_KILLING_STATE")
_NUMBERS = count()


def scalar(name: str, value: float) -> Json:
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}}


def ports(first: int, last: int) -> Json:
    return {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": first, "end": last}]}}


def task(task_id: str, cpus: float = 1, agent: str = "agent-0", **fields: Any) -> Json:
    return {
        "name": task_id,
        "task_id": {"value": task_id},
        "agent_id": {"value": agent},
        "resources": [scalar("cpus", cpus), scalar("mem", 32), *fields.pop("more", ())],
        "command": {"value": "sleep 100"},
        **fields,
    }


@dataclass(eq=False)
class Scheduler:
    """Acknowledges what it is told unless told otherwise."""

    world: World
    events: list[Json] = field(default_factory=list)
    acknowledges: bool = True
    ended: bool = False
    id: str = ""
    stream_id: str = field(default_factory=lambda: f"stream-{next(_NUMBERS)}")
    endpoint: tuple[str, int] = ("127.0.0.1", 5050)

    def push(self, event: Json) -> None:
        if not self.ended:
            self.events.append(json.loads(json.dumps(event)))

    def close(self) -> None:
        self.ended = True

    def subscribe(self, framework_id: str = "", suppressed: Sequence[str] = (), **fields: Any) -> Scheduler:
        info = {"user": "", "name": "double", "roles": ["ci"], "failover_timeout": 100.0}
        info["capabilities"] = [{"type": name} for name in fields.pop("capabilities", CAPABILITIES)]
        call: Json = {"type": "SUBSCRIBE", "subscribe": {"framework_info": {**info, **fields}}}
        call["subscribe"]["suppressed_roles"] = list(suppressed)
        if framework_id:
            call["framework_id"] = call["subscribe"]["framework_info"]["id"] = {"value": framework_id}
        self.id = self.world.engine.master.subscribe(parse(json.dumps(call).encode()), self)
        return self

    def disconnect(self) -> None:
        self.close()
        self.world.engine.master.disconnected(self.id, self)

    def call(self, kind: str, **body: Any) -> int:
        call = {"type": kind, "framework_id": {"value": self.id}, kind.lower(): body}
        return self.world.engine.master.call(parse(json.dumps(call).encode()), self.stream_id)

    def accept(self, offers: Sequence[Json], *tasks: Json, refuse_s: float = 0) -> None:
        operations = [{"type": "LAUNCH", "launch": {"task_infos": tasks}}]
        ids = [offer["id"] for offer in offers]
        self.call("ACCEPT", offer_ids=ids, operations=operations, filters={"refuse_seconds": refuse_s})

    def launch(self, *tasks: Json) -> None:
        """On the latest offer."""
        self.accept(self.offers[-1:], *tasks)

    def decline(self, *offers: Json, **filters: float) -> None:
        self.call("DECLINE", offer_ids=[offer["id"] for offer in offers], filters=filters)

    def acknowledge_all(self) -> None:
        """Until nothing more is told."""
        done = 0
        while done < len(self.events):
            status = self.events[done].get("update", {}).get("status", {})
            done += 1
            if "uuid" in status:
                self.call("ACKNOWLEDGE", **{name: status[name] for name in ("agent_id", "task_id", "uuid")})

    # What it was told

    def of(self, kind: str) -> list[Json]:
        return [event for event in self.events if event["type"] == kind]

    @property
    def offers(self) -> list[Json]:
        """Those that came and were not rescinded, in the order in which they came."""
        gone = {event["rescind"]["offer_id"]["value"] for event in self.of("RESCIND")}
        found = [offer for event in self.of("OFFERS") for offer in event["offers"]["offers"]]
        return [offer for offer in found if offer["id"]["value"] not in gone]

    def statuses(self, task_id: str) -> list[Json]:
        found = [event["update"]["status"] for event in self.of("UPDATE")]
        return [status for status in found if status["task_id"]["value"] == task_id]

    def states(self, task_id: str) -> list[str]:
        if self.acknowledges:
            self.acknowledge_all()
        return [status["state"] for status in self.statuses(task_id)]

    def runtime_id(self, task_id: str) -> str:
        return self.world.engine.master.known.tasks[self.id, task_id].runtime_id


def amount(offer: Json, name: str) -> float:
    return sum(one["scalar"]["value"] for one in offer["resources"] if one["name"] == name)
