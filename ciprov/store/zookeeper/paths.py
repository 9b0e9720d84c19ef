"""Where things are in ZooKeeper. Pure.

```
<root>/environments/<cluster>/<name>          a record; the version of <cluster> counts all writes to its records
<root>/history/<cluster>/<name>/<id>          an operation; the version of <root>/history counts all ids given out
<root>/clusters/<identity>                    under what name a cluster has its records
<root>/agents/<cluster>/<service>/<kind>:<id> of an agent service; the version of <service> counts its transactions
<root>/locks/<key>/<token>-<sequence>         who holds or wants a lock, ephemeral, in the order of the sequence
```
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote

from ciprov.domain.agents import Key

_ID_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Paths:
    """`root` starts with a slash and ends with none."""

    root: str

    @property
    def history(self) -> str:
        return f"{self.root}/history"

    def name_of_cluster(self, identity: str) -> str:
        return f"{self.root}/clusters/{identity}"

    def cluster(self, cluster: str) -> str:
        return f"{self.root}/environments/{escaped(cluster)}"

    def record(self, cluster: str, name: str) -> str:
        return f"{self.cluster(cluster)}/{escaped(name)}"

    def history_of_cluster(self, cluster: str) -> str:
        return f"{self.history}/{escaped(cluster)}"

    def history_of(self, cluster: str, name: str) -> str:
        return f"{self.history_of_cluster(cluster)}/{escaped(name)}"

    def entry(self, cluster: str, name: str, entry_id: int) -> str:
        return f"{self.history_of(cluster, name)}/{entry_id:0{_ID_DIGITS}d}"

    def agents_of(self, cluster: str, service: str) -> str:
        return f"{self.root}/agents/{escaped(cluster)}/{escaped(service)}"

    @property
    def locks(self) -> str:
        return f"{self.root}/locks"

    def queue(self, key: str) -> str:
        return f"{self.locks}/{escaped(key)}"


def escaped(name: str) -> str:
    """`name` as one part of a path: ZooKeeper allows no slash, no control character, and neither `.` nor `..`."""
    text = quote(name, safe=" :@,+=")
    return text.replace(".", "%2E") if not name.strip(".") else text


def unescaped(part: str) -> str:
    return unquote(part)


def child_of(key: Key) -> str:
    """The node of a document of an agent service, below that of the service."""
    return f"{escaped(key.kind).replace(':', '%3A')}:{escaped(key.id)}"


def key_of(child: str) -> Key:
    """Raises ValueError where it is the node of no such document."""
    kind, colon, name = child.partition(":")
    if not colon:
        raise ValueError(f"{child} is no node of ciprov")
    return Key(unescaped(kind), unescaped(name))


def sequence(child: str) -> int:
    """The number that ZooKeeper put at the end of the name of a sequential node."""
    return int(child[-10:])
