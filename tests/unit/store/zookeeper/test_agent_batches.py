from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ciprov.domain.agents import Key
from ciprov.store.zookeeper.agent_batches import MOST_BYTES, MOST_NODES, NODE_BYTES, batches

KEYS = st.builds(Key, st.sampled_from(["agent", "task"]), st.text(max_size=20))
DATA = st.none() | st.integers(0, 900_000).map(bytes)


@given(st.dictionaries(KEYS, DATA, max_size=12))
def test_each_change_is_in_one_batch_in_order_and_only_one_alone_may_be_too_large(changes):
    cut = list(batches(changes))
    assert [pair for batch in cut for pair in batch.items()] == list(changes.items())
    for batch in cut:
        assert batch
        size = sum(NODE_BYTES + len(key.kind) + len(key.id) + len(data or b"") for key, data in batch.items())
        assert size <= MOST_BYTES or len(batch) == 1


def test_what_fits_is_one_batch():
    changes = {Key("agent", str(number)): b"x" * 400 for number in range(MOST_NODES)}
    assert list(batches(changes)) == [changes]


def test_many_nodes_are_several_batches():
    changes = {Key("agent", str(number)): None for number in range(2 * MOST_NODES + 1)}
    assert [len(batch) for batch in batches(changes)] == [MOST_NODES, MOST_NODES, 1]
