"""Merge patches as RFC 7386 has them, with its own examples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciprov.environments.blueprint.merge_patch import merge
from ciprov.environments.blueprint.nodes import Place, node_of, plain


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_examples_of_the_rfc(target, patch, result):
    assert plain(merge(node_of(target, Place(1, 1)), node_of(patch, Place(2, 2)))) == result


JSON = st.recursive(
    st.none() | st.integers(),
    lambda x: st.lists(x, max_size=2) | st.dictionaries(st.sampled_from("abc"), x, max_size=3),
)


@given(JSON, JSON)
def test_applying_a_patch_twice_changes_nothing_more(target, patch):
    once = merge(node_of(target, Place(1, 1)), node_of(patch, Place(2, 2)))

    assert plain(merge(once, node_of(patch, Place(2, 2)))) == plain(once)


def test_every_value_keeps_its_own_place():
    merged = merge(node_of({"a": 1, "b": {"c": 2}}, Place(1, 1)), node_of({"b": {"d": 3}}, Place(9, 9)))
    b = merged.get("b")

    assert (merged.at, b.at, b.get("c").at, b.get("d").at) == (Place(1, 1), Place(1, 1), Place(1, 1), Place(9, 9))
