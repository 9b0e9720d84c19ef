"""Frameworks that go away again, whatever became of them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from plain_mesos import Place
from plain_scheduler import ENDED, Scheduler
from real_mesos import eventually

CAPABILITIES = ("MULTI_ROLE", "PARTITION_AWARE", "TASK_KILLING_STATE")


class Frameworks:
    """Those subscribed here are torn down at the end."""

    def __init__(self, master: Place) -> None:
        self._master = master
        self._made: list[Scheduler] = []

    def __enter__(self) -> Frameworks:
        return self

    def __exit__(self, *_: object) -> None:
        for scheduler in self._made:
            scheduler.pending()
            scheduler.disconnect()
        for framework_id in {one.framework_id: one for one in self._made if one.framework_id}:
            self._remove(framework_id)
        eventually(self._is_unused, 10, "the tasks have gone with their frameworks")

    def _is_unused(self) -> bool:
        return not any(agent["used_resources"]["cpus"] for agent in self._master.read("/slaves")["slaves"])

    def subscribe(self, **fields: Any) -> Scheduler:
        """With role `ci`; `fields` are of its FrameworkInfo, but `subscribe`, which are the call's other fields."""
        more = fields.pop("subscribe", {})
        capabilities = [{"type": name} for name in fields.pop("capabilities", CAPABILITIES)]
        info = {"user": "root", "name": "contract", "roles": ["ci"], "checkpoint": True, "failover_timeout": 60.0}
        self._made.append(Scheduler(self._master, {**info, "capabilities": capabilities, **fields}, **more))
        return self._made[-1]

    def _remove(self, framework_id: str) -> None:
        info = next(one.info for one in reversed(self._made) if one.framework_id == framework_id)
        last = Scheduler(self._master, {**info, "id": {"value": framework_id}})
        # It may have been torn down already: then an error comes, and the stream ends.
        with suppress(AssertionError):
            last.subscribed()
            last.teardown()
            last.wait_for(ENDED)
        last.disconnect()
