"""What an agent service keeps, in SQLite."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ciprov.domain.agents import Key
from ciprov.domain.leadership import Lead
from ciprov.foundation.json import JsonObject
from ciprov.store.agent_documents import Owner, decode, encode
from ciprov.store.database import Database
from ciprov.store.election import Tenure
from ciprov.store.locks import Polling


class SqliteAgents:
    """See `ciprov.agents.ports.AgentStore`. A write is one transaction, which also asks for the lease of the lead."""

    def __init__(self, database: Database, owner: Owner, lead: Lead) -> None:
        self._database = database
        self._owner = owner
        self._tenure = Tenure(lead, Polling)

    def load(self) -> Mapping[Key, JsonObject]:
        self._tenure.begin()
        with self._database.read() as db:
            rows = db.execute(
                "SELECT kind, id, document FROM agents WHERE cluster = ? AND service = ? ORDER BY kind, id",
                (self._owner.cluster, self._owner.service),
            ).fetchall()
        return {(key := Key(kind, name)): self._document(key, text) for kind, name, text in rows}

    def write(self, put: Mapping[Key, JsonObject], remove: Collection[Key] = ()) -> None:
        owner = (self._owner.cluster, self._owner.service)
        gone = [(*owner, key.kind, key.id) for key in remove]
        rows = [(*owner, key.kind, key.id, encode(key, document)) for key, document in put.items()]
        term = self._tenure.still()
        with self._database.write() as db:
            term.refuse_loss(db)
            db.executemany("DELETE FROM agents WHERE cluster = ? AND service = ? AND kind = ? AND id = ?", gone)
            db.executemany("INSERT OR REPLACE INTO agents VALUES (?, ?, ?, ?, ?)", rows)

    def _document(self, key: Key, text: str) -> JsonObject:
        place, owner = str(self._database.path), self._owner
        row = f"cluster = '{owner.cluster}' AND service = '{owner.service}' AND kind = '{key.kind}' AND id = '{key.id}'"
        delete = f'sqlite3 {place} "DELETE FROM agents WHERE {row}"'  # noqa: S608 -- for people, never executed
        return decode(owner, key, text, place, delete)
