"""What a command prepared holds for the environment that it then finds, under the lock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ciprov.domain.environment import EnvironmentRecord, Phase, RecordChanged
from ciprov.foundation.errors import CiprovError, UsageError
from ciprov.settings.model import Cluster
from ciprov.store.sqlite import SqliteStore
from ciprov.wiring.building import Asked, prepare
from ciprov.wiring.environments import Records

SOURCE = """blueprint: shop
parameters: {tag: {type: string, default: a}, size: {type: integer, default: 1}}
group: {apps: [{id: web, cmd: "run ${tag} ${size}"}]}
"""
NOW = datetime(2030, 1, 1, tzinfo=UTC)
RECORD = EnvironmentRecord(
    "c", "x", "/ciprov/x", "shop", "shop.yaml", SOURCE, "", Phase.READY, NOW, NOW, parameters={"tag": "a", "size": 1}
)


@pytest.fixture
def records(tmp_path):
    return Records(Cluster("c", service_address="lb"), SqliteStore(tmp_path / "unused.db"))


def test_what_somebody_else_made_of_it_while_it_waited_is_not_undone(records):
    build = prepare(records, Asked("x", "x", parameters={"tag": "b"}), RECORD).on(records.cluster)
    pinned = replace(RECORD, pinned="demo", revision=7)
    assert build(pinned, frozenset()).parameters == {"tag": "b", "size": 1}
    with pytest.raises(RecordChanged, match="brought up otherwise"):
        build(replace(RECORD, parameters={"tag": "a", "size": 2}), frozenset())


@pytest.mark.parametrize(
    ("asked", "ttl"),
    [
        (Asked("x", "x"), 86400),
        (Asked("x", "x", ttl=60), 60),
        (Asked("x", "x", ttl=0), None),
        (Asked("x", "x", kind="other"), 3600),
    ],
)
def test_a_time_to_live_that_was_given_holds_until_another_is_given(records, asked, ttl):
    source = f"ttl: 1h\nkinds: {{other: {{}}}}\n{SOURCE}"
    record = replace(RECORD, blueprint_source=source, ttl_seconds=86400)
    assert prepare(records, asked, record).on(records.cluster)(record, frozenset()).ttl == ttl


def test_who_names_the_blueprint_says_all_of_it(records, tmp_path):
    file = tmp_path / "shop.yaml"
    file.write_text(SOURCE)
    build = prepare(records, Asked("x", "x", blueprint_file=str(file)), RECORD).on(records.cluster)
    assert build(replace(RECORD, parameters={"size": 2}), frozenset()).parameters == {"tag": "a", "size": 1}


def test_a_value_may_begin_with_an_at_sign_and_a_file_that_is_not_there_is_told_of(records, tmp_path):
    build = prepare(records, Asked("x", "x", parameters={"tag": "@@latest"}), RECORD).on(records.cluster)
    assert build(RECORD, frozenset()).parameters["tag"] == "@latest"
    with pytest.raises(CiprovError, match="begins with @ is given with @@"):
        prepare(records, Asked("x", "x", parameters={"tag": f"@{tmp_path}/none"}), RECORD)


@pytest.mark.parametrize("value", ["inline", "@@inline"])
def test_a_secret_on_the_command_line_is_refused_however_it_is_written(records, value):
    source = SOURCE.replace("{type: string, default: a}", "{type: secret}")
    with pytest.raises(UsageError, match="stands on the command line") as refusal:
        prepare(records, Asked("x", "x", parameters={"tag": value}), replace(RECORD, blueprint_source=source))
    assert "inline" not in str(refusal.value)
