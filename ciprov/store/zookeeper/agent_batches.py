"""What an agent service writes at once, cut to what ZooKeeper takes in one transaction. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ciprov.domain.agents import Key

MOST_BYTES = 700_000
"""Of one transaction, paths included. A server takes 1 MiB in one request by default."""

MOST_NODES = 1_000
"""Of one transaction: others wait while a server performs it."""

NODE_BYTES = 250
"""What travels with each node beside its name and content: its parent's path, its ACL, the head of the step."""

Changes = Mapping[Key, bytes | None]
"""What a document is to be; None: gone."""


def batches(changes: Changes) -> Iterator[dict[Key, bytes | None]]:
    """In order. A document that is larger than a batch makes one of its own."""
    batch: dict[Key, bytes | None] = {}
    size = 0
    for key, data in changes.items():
        more = NODE_BYTES + len(key.kind) + len(key.id) + len(data or b"")
        if batch and (size + more > MOST_BYTES or len(batch) >= MOST_NODES):
            yield batch
            batch, size = {}, 0
        batch[key] = data
        size += more
    if batch:
        yield batch
