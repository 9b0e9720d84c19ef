from __future__ import annotations

import json

import pytest

from ciprov.domain.agents import Key
from ciprov.store.agent_documents import KINDS, Owner, decode, encode
from ciprov.store.documents import MIGRATIONS
from ciprov.store.errors import StoreError

OWNER = Owner("staging", "ci")
KEY = Key("agent", "ci-1")


def test_every_kind_has_a_version():
    assert MIGRATIONS.keys() >= KINDS


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_is_encoded_comes_back_without_its_version(kind):
    text = encode(Key(kind, "x"), {"b": [1, None], "a": {"c": "ř"}})
    assert json.loads(text)["schema"] == 1
    assert decode(OWNER, Key(kind, "x"), text, "/place", "rm") == {"b": [1, None], "a": {"c": "ř"}}


@pytest.mark.parametrize("text", ["", "nothing", "[]", "null", '{"schema": 0}', '{"schema": "x"}', b"\xff\xfe"])
def test_what_is_no_document_is_named_with_its_place_and_how_to_give_it_up(text):
    with pytest.raises(StoreError, match="agent ci-1 of agent service ci on cluster staging cannot be read") as refusal:
        decode(OWNER, KEY, text, "/place", "rm it")
    assert refusal.value.place == "/place"
    assert refusal.value.way_out.endswith("rm it")


def test_a_kind_that_is_not_known_was_written_by_a_newer_one():
    with pytest.raises(StoreError, match=r"(?s)kind that this ciprov does not know.*newer ciprov"):
        decode(OWNER, Key("pet", "x"), "{}", "/place", "rm")
