"""What is written, before anything of it is done: all changes of one turn of the loop in one write."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from ciprov.agents import record as records
from ciprov.agents.ports import AgentStore
from ciprov.agents.record import AgentRecord
from ciprov.domain.agents import Key
from ciprov.domain.environment import LockHeld
from ciprov.domain.leadership import Lead
from ciprov.foundation.errors import CiprovError
from ciprov.foundation.json import JsonObject
from ciprov.framework.ledger import entry as entries
from ciprov.framework.ledger.entry import Entry

FRAMEWORK = Key("framework", "id")
DRAINED = Key("service", "drained")
ATTEMPTS = Key("service", "attempts")
JENKINS = Key("service", "jenkins")

_PATIENCE_S = 60.0
_AGAIN_S = 0.25

Given = TypeVar("Given")


class NotWritten(CiprovError):
    """The store did not take what has to be written before anything else may be done."""


class Books:
    """`tell_silence` is called once for each time that the store fails."""

    def __init__(self, store: AgentStore, tell_silence: Callable[[CiprovError], None]) -> None:
        self._store = store
        self._tell_silence = tell_silence
        self._put: dict[Key, JsonObject] = {}
        self._remove: dict[Key, None] = {}
        self._afterwards: list[Callable[[], None]] = []

    def read(self) -> Read:
        return Read(self._store.load())

    def agent(self, record: AgentRecord) -> None:
        self.put(Key("agent", record.name), records.encode(record))

    def without_agent(self, name: str) -> None:
        self.drop(Key("agent", name))

    def tasks(self, written: Iterable[Entry]) -> None:
        for one in written:
            self.put(Key("task", one.task_id), entries.encode(one))

    def without_tasks(self, task_ids: Iterable[str]) -> None:
        for task_id in task_ids:
            self.drop(Key("task", task_id))

    def put(self, key: Key, document: JsonObject) -> None:
        self._remove.pop(key, None)
        self._put[key] = document

    def drop(self, key: Key) -> None:
        self._put.pop(key, None)
        self._remove[key] = None

    def then(self, act: Callable[[], None]) -> None:
        """To be done once all that was noted so far is written, in the order in which it is asked."""
        self._afterwards.append(act)

    def close_turn(self) -> None:
        """Write, then act. Acts may note more, which is written and done in turn.

        Raises `NotWritten` where the store takes nothing for a minute, and `LockHeld` where another service leads:
        then nothing that was asked is done, and whoever starts next finds what was written before.
        """
        while self._put or self._remove or self._afterwards:
            if self._put or self._remove:
                self._patiently(lambda: self._store.write(self._put, tuple(self._remove)))
                self._put, self._remove = {}, {}
            acts, self._afterwards = self._afterwards, []
            for act in acts:
                act()

    def check(self, lead: Lead) -> None:
        """Raises `LockHeld` where another service leads, and `NotWritten` where nobody can say for a minute."""
        self._patiently(lead.check)

    def _patiently(self, ask: Callable[[], None]) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        told = False
        while True:
            try:
                return ask()
            except LockHeld:
                raise
            except CiprovError as error:
                if time.monotonic() > deadline:
                    raise NotWritten(
                        f"nothing could be written for {_PATIENCE_S:g} s: {error.message}",
                        place=error.place,
                        way_out=error.way_out or "Start the service again once its store is back.",
                    ) from error
                if not told:
                    self._tell_silence(error)
                    told = True
            time.sleep(_AGAIN_S)


class Read:
    """What an earlier life left. Raises `CiprovError` that names what cannot be understood."""

    def __init__(self, documents: Mapping[Key, JsonObject]) -> None:
        self._documents = documents

    def agents(self) -> dict[str, AgentRecord]:
        return {one.name: one for one in self._all("agent", records.decode)}

    def tasks(self) -> list[Entry]:
        return list(self._all("task", entries.decode))

    def document(self, key: Key) -> JsonObject:
        return self._documents.get(key, {})

    def decoded(self, key: Key, decode: Callable[[JsonObject], Given]) -> Given:
        """Where there is none, what is in an empty one."""
        try:
            return decode(self.document(key))
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise CiprovError(
                f"what the store has of the {key.kind} {key.id} cannot be understood: {error!r}",
                way_out="Start the version of ciprov that wrote it, and change it once no agents are left.",
            ) from error

    def _all(self, kind: str, decode: Callable[[JsonObject], Given]) -> Iterator[Given]:
        for key in sorted(self._documents, key=lambda key: key.id):
            if key.kind == kind:
                yield self.decoded(key, decode)
