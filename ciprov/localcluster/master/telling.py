"""What frameworks are told: events at once, and the states of their tasks until they acknowledge them."""

from __future__ import annotations

from functools import partial

from ciprov.localcluster.engine.outbox import Outbox
from ciprov.localcluster.master.state import MasterState
from ciprov.localcluster.master.statuses import Json, update_event
from ciprov.localcluster.master.tasks import retry_delay_s


class Telling:
    """Events go out once the turn's decisions are written down. Who is not connected misses them, as with Mesos."""

    def __init__(self, known: MasterState, outbox: Outbox) -> None:
        self._known = known
        self._outbox = outbox

    def tell(self, framework_id: str, event: Json) -> None:
        stream = self._known.streams.get(framework_id)
        if stream is not None:
            self._outbox.do(partial(stream.push, event))

    def tell_status(self, framework_id: str, status: Json) -> None:
        """A state that is told once: the master's own, which nobody acknowledges."""
        self.tell(framework_id, update_event(status))

    def tell_due(self, now: float, lost_agents: frozenset[str]) -> None:
        """Of each task the first state that was not acknowledged, unless it was sent a short while ago."""
        for key in list(self._known.telling):
            task = self._known.tasks[key]
            times, again_at = self._known.attempts.get(key, (0, 0.0))
            if again_at > now or key[0] not in self._known.streams or task.agent_id in lost_agents:
                continue
            self.tell(key[0], update_event(dict(task.pending[0])))
            self._known.attempts[key] = (times + 1, now + retry_delay_s(times + 1))

    def next_due(self, lost_agents: frozenset[str]) -> float | None:
        """When the first state is to be sent again to a framework that is connected."""
        moments = (
            again_at
            for key in self._known.telling
            if key[0] in self._known.streams
            and self._known.tasks[key].agent_id not in lost_agents
            and (again_at := self._known.attempts.get(key, (0, 0.0))[1])
        )
        return min(moments, default=None)
