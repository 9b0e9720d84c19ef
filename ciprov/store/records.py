"""Environment records as JSON documents: the form in which every backend keeps them.

A document lacks what is kept beside it (the key and the revision), and a field that it lacks takes its default, so that
a record written by an older version can be read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from typing import Any

from ciprov.domain.environment import EnvironmentRecord, Operation, Phase, RecordChanged
from ciprov.foundation.json import JsonObject
from ciprov.store.documents import current, stamped

_BESIDE = frozenset({"cluster", "name", "revision"})
_MOMENTS = frozenset({"created_at", "updated_at", "expires_at", "last_used_at", "branch_gone_since"})
_TUPLES = frozenset({"routes", "app_ids"})
_FIELDS = tuple(field for field in fields(EnvironmentRecord) if field.name not in _BESIDE)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def moment_text(value: datetime) -> str:
    """Always UTC with microseconds, so that texts sort as times do."""
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def encode(record: EnvironmentRecord) -> str:
    return json.dumps(stamped("record", to_document(record)), sort_keys=True)


def decode(cluster: str, name: str, revision: int, document: str) -> EnvironmentRecord:
    """Raises `StoreError` where a newer ciprov wrote it, ValueError or KeyError where the document is none of ours."""
    what = f"the record of environment {name} on cluster {cluster}"
    return from_document(cluster, name, revision, current("record", what, json.loads(document)))


def to_document(record: EnvironmentRecord) -> JsonObject:
    return {field.name: _plain(getattr(record, field.name)) for field in _FIELDS}


def from_document(cluster: str, name: str, revision: int, plain: JsonObject) -> EnvironmentRecord:
    """From a document of the present version. Raises ValueError or KeyError where it is none of ours."""
    values: dict[str, Any] = {"cluster": cluster, "name": name, "revision": revision}
    for field in _FIELDS:
        if field.name in plain:
            values[field.name] = _typed(field.name, plain[field.name])
        elif field.default is MISSING and field.default_factory is MISSING:
            raise KeyError(field.name)
    return EnvironmentRecord(**values)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return moment_text(value)
    if isinstance(value, Phase):
        return value.value
    if isinstance(value, Operation):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(Operation)}
    return dict(value) if isinstance(value, Mapping) else value


def _typed(name: str, value: Any) -> Any:
    if name == "phase":
        return Phase(value)
    if name in _MOMENTS and value is not None:
        return moment(value)
    if name == "claimed_ports":
        return {app: tuple(ports) for app, ports in value.items()}
    if name == "operation" and value is not None:
        return Operation(**{**value, "since": moment(value["since"])})
    return tuple(value) if name in _TUPLES else value


def record_changed(record: EnvironmentRecord, exists: bool) -> RecordChanged:
    """What a compare-and-set write raises; `exists`: there is a record, of another revision."""
    if record.revision == 0:
        what = "was made by somebody else meanwhile"
    else:
        what = "was changed by somebody else meanwhile" if exists else "was removed by somebody else meanwhile"
    return RecordChanged(
        f"environment {record.name} on cluster {record.cluster} {what}", way_out="look at it and repeat the command"
    )
