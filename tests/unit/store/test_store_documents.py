"""What is stored survives an upgrade: versions, migrations, and the form in which ZooKeeper keeps it."""

from __future__ import annotations

import json

import pytest

from ciprov.store.documents import MIGRATIONS, current, stamped
from ciprov.store.errors import StoreError
from ciprov.store.records import decode
from ciprov.store.zookeeper.paths import Paths, escaped, sequence, unescaped
from ciprov.store.zookeeper.payloads import LARGE, LIMIT, pack, unpack

RENAMED = {"record": (lambda old: {**old, "b": old["a"]}, lambda old: {key: old[key] for key in old if key != "a"})}


def test_a_document_is_brought_up_from_every_older_version():
    assert current("record", "it", {"a": 1}, RENAMED) == {"b": 1}
    assert current("record", "it", {"schema": 1, "a": 1}, RENAMED) == {"b": 1}
    assert current("record", "it", {"schema": 2, "a": 1, "b": 1}, RENAMED) == {"b": 1}
    assert current("record", "it", {"schema": 3, "b": 1}, RENAMED) == {"b": 1}
    assert stamped("record", {"b": 1}, RENAMED) == {"schema": 3, "b": 1}


def test_a_newer_one_is_refused_by_name():
    with pytest.raises(StoreError, match=r"(?s)the thing was written by a newer ciprov.*version 4.*up to 3.*newer"):
        current("record", "the thing", {"schema": 4}, RENAMED)
    with pytest.raises(StoreError, match="environment x on cluster c was written by a newer"):
        decode("c", "x", 1, json.dumps({"schema": len(MIGRATIONS["record"]) + 2}))


@pytest.mark.parametrize("document", [[], "x", None, {"schema": "1"}, {"schema": 0}, {"schema": None}])
def test_what_is_no_document_is_an_error_of_its_own(document):
    with pytest.raises(ValueError, match=r"wanted|no schema version"):
        current("record", "it", document)


@pytest.mark.parametrize("source", ["short", "žluťoučký kůň\n" * LARGE, "\ud800" * LARGE])
def test_payloads_come_back_as_they_were(source):
    document = {"blueprint_source": source, "owner": "ann"}
    data = pack("record", "it", document)
    assert unpack("record", "it", data) == document
    assert len(data) < LARGE


def test_what_is_too_large_is_told_with_its_size():
    with pytest.raises(StoreError, match=rf"(?s)it is too large for ZooKeeper: 2,000,0\d\d bytes.*{LIMIT:,}"):
        pack("record", "it", {"failure": "x" * 2_000_000})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"blueprint_source": {}}',
        b'{"blueprint_source": {"zlib": "!"}}',
        b'{"blueprint_source": {"zlib": "eJw="}}',
        b'{"blueprint_source": {"zlib": "AAAA"}}',
    ],
)
def test_damaged_payloads_are_named(data):
    with pytest.raises(StoreError, match="the record of x cannot be read"):
        unpack("record", "the record of x", data)


@pytest.mark.parametrize("name", ["x", "a/b", ".", "..", "h:8080", "%2F", "ž", "a b", "\x00\n", "...x"])
def test_any_name_is_one_part_of_a_path(name):
    part = escaped(name)
    assert unescaped(part) == name
    assert "/" not in part
    assert part not in {".", ".."}
    assert part.isprintable()


def test_where_things_are():
    paths = Paths("/ciprov")
    assert paths.record("staging", "x") == "/ciprov/environments/staging/x"
    assert paths.entry("staging", "x", 7) == "/ciprov/history/staging/x/0000000007"
    assert paths.queue("env/staging/x") == "/ciprov/locks/env%2Fstaging%2Fx"
    assert sorted(["b-0000000002", "c-0000000001"], key=sequence) == ["c-0000000001", "b-0000000002"]
