"""All that the master knows, in memory; what must survive the daemon is noted as it changes."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Protocol

from ciprov.localcluster.master import records
from ciprov.localcluster.master.frameworks import Framework
from ciprov.localcluster.master.offers import Offer, Refusal, Who
from ciprov.localcluster.master.resources import NONE
from ciprov.localcluster.master.statuses import Json
from ciprov.localcluster.master.tasks import Key, Task
from ciprov.localcluster.model import Resources
from ciprov.localcluster.scheduling.agents import add

COMPLETED_TASKS_KEPT = 1000
COMPLETED_FRAMEWORKS_KEPT = 50

FRAMEWORK, TASK, REMOVED = "framework", "task", "removed"


class Subscriber(Protocol):
    """A scheduler's open stream."""

    @property
    def stream_id(self) -> str: ...
    @property
    def endpoint(self) -> tuple[str, int]:
        """Where it reached this cluster."""
        ...

    def push(self, event: Json) -> None: ...
    def close(self) -> None:
        """After all that was pushed."""
        ...


class MasterState:
    """Readers use the attributes; whatever changes frameworks or tasks uses the methods."""

    def __init__(self, stored: Mapping[tuple[str, str], str], note: Callable[[str, str, str | None], None]) -> None:
        self._note = note
        self.id = str(uuid.uuid4())
        self.frameworks: dict[str, Framework] = {}
        self.streams: dict[str, Subscriber] = {}
        self.removed: dict[str, Framework] = {}
        self.tasks: dict[Key, Task] = {}
        self.by_runtime: dict[str, Key] = {}
        self.completed: dict[str, deque[Task]] = {}
        self.offers: dict[str, Offer] = {}
        self.refusals: dict[Who, list[Refusal]] = {}
        self.telling: dict[Key, None] = {}
        """Tasks of which something is still to be acknowledged, in the order in which they came."""
        self.attempts: dict[Key, tuple[int, float]] = {}
        """How often the first pending status was sent, and when it is to be sent again."""
        self.ended: dict[str, int] = {}
        """How many tasks ended in each state, since the start."""
        self._frameworks_made = count()
        self.offers_made = count()
        for (kind, _), text in stored.items():
            if kind == FRAMEWORK:
                framework = records.load_framework(text)
                self.frameworks[framework.id] = framework
            elif kind == REMOVED:
                framework = records.load_framework(text)
                self.removed[framework.id] = framework
            elif kind == TASK:
                self._index(records.load_task(text))

    def new_framework_id(self) -> str:
        return f"{self.id}-{next(self._frameworks_made):04d}"

    # Frameworks

    def put_framework(self, framework: Framework) -> None:
        self.frameworks[framework.id] = framework
        self._note(FRAMEWORK, framework.id, records.dump_framework(framework))

    def remove_framework(self, framework: Framework) -> None:
        """Its id is never to be used again."""
        self.frameworks.pop(framework.id, None)
        self._note(FRAMEWORK, framework.id, None)
        self.removed[framework.id] = framework
        self._note(REMOVED, framework.id, records.dump_framework(framework))
        while len(self.removed) > COMPLETED_FRAMEWORKS_KEPT:
            oldest = next(iter(self.removed))
            del self.removed[oldest]
            self.completed.pop(oldest, None)
            self._note(REMOVED, oldest, None)

    # Tasks

    def tasks_of(self, framework_id: str) -> list[Task]:
        return [task for task in self.tasks.values() if task.framework_id == framework_id]

    def by_name(self, runtime_id: str) -> Task | None:
        key = self.by_runtime.get(runtime_id)
        return self.tasks[key] if key is not None else None

    def put_task(self, task: Task) -> None:
        """What is over and told is kept for a while to be shown, and not after a restart."""
        if task.forgettable or (task.ended and task.framework_id not in self.frameworks):
            self._forget(task)
            return
        self._index(task)
        self._note(TASK, "/".join(task.key), records.dump_task(task))

    def _index(self, task: Task) -> None:
        self.tasks[task.key] = task
        self.by_runtime[task.runtime_id] = task.key
        if task.pending:
            self.telling[task.key] = None
        else:
            self.telling.pop(task.key, None)

    def _forget(self, task: Task) -> None:
        self.tasks.pop(task.key, None)
        self.by_runtime.pop(task.runtime_id, None)
        self.attempts.pop(task.key, None)
        self.telling.pop(task.key, None)
        self._note(TASK, "/".join(task.key), None)
        self.completed.setdefault(task.framework_id, deque(maxlen=COMPLETED_TASKS_KEPT)).append(task)

    def holding(self) -> Iterator[Task]:
        """Tasks that hold resources."""
        return (task for task in self.tasks.values() if not task.ended)

    def used(self) -> dict[tuple[str, str], Resources]:
        """What tasks hold, by framework and role."""
        result: dict[tuple[str, str], Resources] = {}
        for task in self.holding():
            who = task.framework_id, task.role
            result[who] = add(result.get(who, NONE), task.resources)
        return result

    def held(self) -> dict[str, Resources]:
        """What tasks hold, by agent id."""
        result: dict[str, Resources] = {}
        for task in self.holding():
            result[task.agent_id] = add(result.get(task.agent_id, NONE), task.resources)
        return result
