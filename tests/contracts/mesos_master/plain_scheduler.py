"""A framework's scheduler over the wire: one subscription, its events in order, its calls. Every wait is bounded."""

from __future__ import annotations

import http.client
import json
import queue
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from plain_mesos import JSON_HEADERS, SCHEDULER, Answer, Json, Place

PATIENCE_SECONDS = 15.0
ENDED = "the stream ended"
Fits = Callable[[Json], bool]


class Scheduler:
    """Subscribed, unless `answer` says otherwise. `offers` are those at hand by id, `told` the updates in order.

    `arrived` are the monotonic times of what was `seen`. Updates are acknowledged when they are taken from the stream,
    unless `acknowledges` is turned off.
    """

    def __init__(self, master: Place, info: Mapping[str, Any], **subscribe: Any) -> None:
        self.master, self.info = master, dict(info)
        self.acknowledges = True
        call: Json = {"type": "SUBSCRIBE", "subscribe": {"framework_info": self.info, **subscribe}}
        if "id" in self.info:
            call["framework_id"] = self.info["id"]
        self._connection, self.answer = master.send("POST", SCHEDULER, json.dumps(call).encode(), JSON_HEADERS)
        self._socket = self._connection.sock
        self.stream_id = self.answer.headers.get("Mesos-Stream-Id", "")
        self.framework_id = str(self.info.get("id", {}).get("value", ""))
        self.events: queue.SimpleQueue[tuple[float, Json]] = queue.SimpleQueue()
        self.seen: list[Json] = []
        self.arrived: list[float] = []
        self.offers: dict[str, Json] = {}
        self.told: list[Json] = []
        self._returned: Counter[str] = Counter()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while length := self.answer.readline():
                record = self.answer.read(int(length))
                self.events.put((time.monotonic(), json.loads(record)))
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass
        self.events.put((time.monotonic(), {"type": ENDED}))

    def disconnect(self) -> None:
        """As a scheduler does that dies."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join(PATIENCE_SECONDS)
        self._connection.close()

    # Events

    def _take(self, seconds: float) -> Json | None:
        try:
            arrived, event = self.events.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return None
        self.seen.append(event)
        self.arrived.append(arrived)
        if event["type"] == "SUBSCRIBED":
            self.framework_id = event["subscribed"]["framework_id"]["value"]
        elif event["type"] == "OFFERS":
            self.offers.update({offer["id"]["value"]: offer for offer in event["offers"]["offers"]})
        elif event["type"] == "RESCIND":
            self.offers.pop(event["rescind"]["offer_id"]["value"], None)
        elif event["type"] == "UPDATE":
            status = event["update"]["status"]
            self.told.append(status)
            if self.acknowledges:
                self.acknowledge(status)
        return event

    def wait_for(self, kind: str, fits: Fits = lambda _: True, seconds: float = PATIENCE_SECONDS) -> Json:
        """The next event of that kind that fits; those before it are passed over, yet kept in `seen`."""
        deadline = time.monotonic() + seconds
        while (event := self._take(deadline - time.monotonic())) is not None:
            if event["type"] == kind and fits(event):
                return event
            if event["type"] == ENDED:
                break
        raise AssertionError(f"no {kind} within {seconds:g} s; there were {self.seen[-20:]}")

    def pending(self) -> list[Json]:
        """What came and was not waited for."""
        found = []
        while not self.events.empty() and (event := self._take(0.0)) is not None:
            found.append(event)
        return found

    def subscribed(self) -> Json:
        return dict(self.wait_for("SUBSCRIBED")["subscribed"])

    def offer(self, fits: Fits = lambda _: True, seconds: float = PATIENCE_SECONDS) -> Json:
        """One that is at hand, else the next that comes."""
        deadline = time.monotonic() + seconds
        self.pending()
        while True:
            for offer in self.offers.values():
                if fits(offer):
                    return offer
            self.wait_for("OFFERS", seconds=deadline - time.monotonic())

    def next_of(self, before: Json) -> Json:
        """Another offer of the agent of one that was made before."""
        return self.offer(lambda offer: bool(offer["agent_id"] == before["agent_id"] and offer["id"] != before["id"]))

    def offers_of_all(self, agents: int) -> list[Json]:
        """One of each agent."""

        def by_agent() -> dict[str, Json]:
            return {offer["agent_id"]["value"]: offer for offer in self.offers.values()}

        while len(by_agent()) < agents:
            self.wait_for("OFFERS")
        return list(by_agent().values())

    def status(self, task_id: str, *states: str, seconds: float = PATIENCE_SECONDS) -> Json:
        """The task's next update, or its next in one of the states, of those that were not asked for yet."""
        deadline = time.monotonic() + seconds
        while True:
            of_task = [status for status in self.told if status["task_id"]["value"] == task_id]
            for number, status in enumerate(of_task[self._returned[task_id] :], self._returned[task_id] + 1):
                if not states or status["state"] in states:
                    self._returned[task_id] = number
                    return status
            self.wait_for("UPDATE", seconds=deadline - time.monotonic())

    def heard_all(self) -> list[Json]:
        """The updates until now: an answer of the master comes after whatever it had to tell before."""
        before, marker = len(self.told), f"a-marker-{uuid.uuid4().hex[:6]}"
        self.reconcile((marker, ""))
        self.status(marker)
        return self.told[before:-1]

    def states(self, task_id: str) -> list[str]:
        """In the order in which they were told."""
        return [status["state"] for status in self.told if status["task_id"]["value"] == task_id]

    def executors(self, offer: Json) -> list[Json]:
        """What the agent of an offer tells of this framework's executors, ended ones too."""
        state = self.master.agent(offer).read(f"{offer['url']['path']}/state")
        frameworks = [*state["frameworks"], *state["completed_frameworks"]]
        ours = [one for one in frameworks if one["id"] == self.framework_id]
        return [executor for one in ours for executor in (*one["executors"], *one["completed_executors"])]

    # Calls

    def call(self, kind: str, **payload: Any) -> Answer:
        call: Json = {"type": kind, "framework_id": {"value": self.framework_id}, **payload}
        return self.master.call(call, {"Mesos-Stream-Id": self.stream_id})

    def _done(self, kind: str, **payload: Any) -> None:
        answer = self.call(kind, **payload)
        assert (answer.status, answer.body) == (202, b""), (kind, answer.status, answer.text)

    def accept(
        self, offers: Iterable[Json], tasks: Sequence[Json], refuse_seconds: float = 0.05, kind: str = "LAUNCH"
    ) -> None:
        ids = [offer["id"] for offer in offers]
        for each in ids:
            self.offers.pop(each["value"], None)
        operations = [{"type": kind, kind.lower(): {"task_infos": tasks}}]
        filters = {"refuse_seconds": refuse_seconds}
        self._done("ACCEPT", accept={"offer_ids": ids, "operations": operations, "filters": filters})

    def decline(self, offers: Iterable[Json], refuse_seconds: float | None = None) -> None:
        ids = [offer["id"] for offer in offers]
        for each in ids:
            self.offers.pop(each["value"], None)
        filters = {} if refuse_seconds is None else {"filters": {"refuse_seconds": refuse_seconds}}
        self._done("DECLINE", decline={"offer_ids": ids, **filters})

    def revive(self, *roles: str) -> None:
        self._done("REVIVE", **({"revive": {"roles": roles}} if roles else {}))

    def suppress(self, *roles: str) -> None:
        self._done("SUPPRESS", **({"suppress": {"roles": roles}} if roles else {}))

    def acknowledge(self, status: Json) -> Answer | None:
        """Only where the status wants it. Another stream may have taken over: the answer is the caller's."""
        if "uuid" not in status:
            return None
        return self.call("ACKNOWLEDGE", acknowledge={name: status[name] for name in ("agent_id", "task_id", "uuid")})

    def kill(self, task_id: str, agent_id: str = "", grace_seconds: float | None = None) -> None:
        kill: Json = {"task_id": {"value": task_id}}
        if agent_id:
            kill["agent_id"] = {"value": agent_id}
        if grace_seconds is not None:
            kill["kill_policy"] = {"grace_period": {"nanoseconds": int(grace_seconds * 1e9)}}
        self._done("KILL", kill=kill)

    def reconcile(self, *tasks: tuple[str, str]) -> None:
        """`tasks` are ids with their agents' or empty texts; none asks for all that is known."""
        asked = [
            {"task_id": {"value": task}, **({"agent_id": {"value": agent}} if agent else {})} for task, agent in tasks
        ]
        self._done("RECONCILE", reconcile={"tasks": asked})

    def teardown(self) -> None:
        self._done("TEARDOWN")


Subscribe = Callable[..., Scheduler]
