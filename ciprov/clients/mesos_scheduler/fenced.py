"""pymesos's driver with everything taken out that acts by itself: no thread, no SIGINT, no resubscribing, no TEARDOWN.

What remains of it reads the stream and takes events apart. Its calls are not used: they get lost in silence while it
is not connected, and some are not what Mesos expects (`calls.py` makes them).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ciprov.clients.mesos_scheduler.addresses import Master
from ciprov.clients.mesos_scheduler.pymesos_import import scheduler_module
from ciprov.domain.mesos_events import (
    Failure,
    InverseOffers,
    InverseRescinded,
    MesosEvent,
    Message,
    Offers,
    OperationUpdate,
    Rescinded,
    Unreadable,
    Update,
)
from ciprov.domain.mesos_scheduler import Framework
from ciprov.foundation.json import JsonObject

API = "/api/v1/scheduler"


def framework_info(framework: Framework) -> JsonObject:
    """`FrameworkInfo` of the v1 API."""
    info: JsonObject = {
        "name": framework.name,
        "user": framework.user,
        "roles": list(framework.roles),
        "failover_timeout": framework.failover_timeout_s,
        "checkpoint": framework.checkpoint,
        "capabilities": [{"type": capability} for capability in framework.capabilities],
        "hostname": framework.hostname,
        "webui_url": framework.webui_url,
    }
    if framework.labels:
        info["labels"] = {"labels": [{"key": key, "value": value} for key, value in framework.labels]}
    if framework.id:
        info["id"] = {"value": framework.id}
    return {key: value for key, value in info.items() if value != ""}


@dataclass(frozen=True, slots=True)
class Subscription:
    """What to subscribe with, and where."""

    info: JsonObject
    master: Master
    suppressed: tuple[str, ...] = ()
    authorization: str = field(default="", repr=False)

    def request(self) -> bytes:
        """pymesos's own knows neither tokens nor roles that are to get no offers yet."""
        subscribe: JsonObject = {"framework_info": self.info}
        if self.suppressed:
            subscribe["suppressed_roles"] = list(self.suppressed)
        request: JsonObject = {"type": "SUBSCRIBE", "subscribe": subscribe}
        if "id" in self.info:
            request["framework_id"] = self.info["id"]
        body = json.dumps(request).encode()
        head = [f"POST {self.master.prefix}{API} HTTP/1.1", f"Host: {self.master.authority}"]
        head += ["Content-Type: application/json", "Accept: application/json", "Connection: close"]
        head.append(f"Content-Length: {len(body)}")
        if self.authorization:
            head.append(f"Authorization: {self.authorization}")
        return "\r\n".join((*head, "", "")).encode("latin-1") + body


class FencedDriver(scheduler_module.MesosSchedulerDriver):  # type: ignore[misc]
    """For one subscription to one master. `put` takes the events, `subscribed` what came in SUBSCRIBED.

    `error` is what came in an ERROR, `redirect` where a 307 points to, `events` counts what came at all.
    """

    def __init__(
        self,
        subscription: Subscription,
        put: Callable[[MesosEvent], None],
        subscribed: Callable[[JsonObject], None],
    ) -> None:
        # `failover` keeps pymesos from sending a TEARDOWN whenever it ends; `_teardown` below makes sure of it.
        super().__init__(_Receiver(put), dict(subscription.info), "", implicit_acknowledgements=False, failover=True)
        self.is_subscribed = False
        self.error: str | None = None
        self.redirect = ""
        self.events = 0
        self._request = subscription.request()
        self._put = put
        self._subscribed = subscribed

    # What pymesos asks of itself.

    def gen_request(self) -> bytes:
        return self._request

    def change_master(self, master: str | None) -> None:
        """Asked by pymesos's connection on a 307. Where to go is decided elsewhere."""
        self.redirect = master or ""

    def process_event(self, event: Any) -> None:
        """No event, however odd, may end the subscription. After an ERROR there is none to listen to."""
        if self.error is not None:
            return
        self.events += 1
        try:
            self.on_event(event)
        except Exception as error:  # what a callback does not expect can be any of them
            kind = event.get("type") if isinstance(event, dict) else type(event).__name__
            self._put(Unreadable(f"an event of type {kind} could not be read: {type(error).__name__}: {error}"))

    def on_close(self) -> None:
        pass

    def on_subscribed(self, info: JsonObject) -> None:
        self._subscribed(info)
        self.is_subscribed = True  # not where it could not be read: then its time runs out

    def on_failure(self, failure: JsonObject) -> None:
        executor = failure.get("executor_id", {}).get("value", "")
        self._put(Failure(failure.get("agent_id", {}).get("value", ""), executor, failure.get("status")))

    def on_error(self, event: JsonObject) -> None:
        self.error = str(event.get("message", ""))

    # What it must never do by itself.

    def _never(self, *_: Any, **__: Any) -> NoReturn:
        raise RuntimeError("pymesos is used for reading only")

    start = stop = abort = run = join = _run = _send = _teardown = _never


class _Receiver:
    """The callbacks that pymesos calls: they only enqueue."""

    def __init__(self, put: Callable[[MesosEvent], None]) -> None:
        self._put = put

    def resourceOffers(self, _: Any, offers: list[JsonObject]) -> None:
        self._put(Offers(tuple(offers)))

    def inverseOffers(self, _: Any, offers: list[JsonObject]) -> None:
        self._put(InverseOffers(tuple(offers)))

    def offerRescinded(self, _: Any, offer_id: JsonObject) -> None:
        self._put(Rescinded(str(offer_id["value"])))

    def inverseOfferRescinded(self, _: Any, offer_id: JsonObject) -> None:
        self._put(InverseRescinded(str(offer_id["value"])))

    def statusUpdate(self, _: Any, status: JsonObject) -> None:
        update = Update(status)
        _ = update.task_id, update.state  # not to be put where these are missing
        self._put(update)

    def operationStatusUpdate(self, _: Any, status: JsonObject) -> None:
        self._put(OperationUpdate(status))

    def frameworkMessage(self, _: Any, executor_id: JsonObject, agent_id: JsonObject, data: str) -> None:
        self._put(Message(str(agent_id["value"]), str(executor_id["value"]), data))

    def processHeartBeat(self, _: Any) -> None:
        pass
