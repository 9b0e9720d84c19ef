from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciprov.domain.agents import Key
from ciprov.store.zookeeper.paths import Paths, child_of, key_of

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(TEXT, TEXT)
def test_a_key_comes_back_from_its_node(kind, name):
    child = child_of(Key(kind, name))
    assert key_of(child) == Key(kind, name)
    assert "/" not in child


def test_a_node_tells_what_it_is():
    assert child_of(Key("agent", "ci-linux-1")) == "agent:ci-linux-1"
    assert Paths("/ciprov").agents_of("a/b", "..") == "/ciprov/agents/a%2Fb/%2E%2E"


def test_a_node_of_somebody_else_has_no_key():
    with pytest.raises(ValueError, match="stray is no node of ciprov"):
        key_of("stray")
