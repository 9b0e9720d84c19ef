"""Fields that ciprov does not know. They are passed on to Marathon; one that does not know them either leaves them out
of its answers, so that they would look changed for ever.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

from ciprov.environments.blueprint.fields import APP, ListOf, MapOf, OneOf, Record, Spec
from ciprov.environments.blueprint.parameters import Secret
from ciprov.environments.blueprint.secrecy import fingerprint
from ciprov.foundation.json import JsonObject

Path = tuple[str | int, ...]


def marks(apps: Mapping[str, JsonObject]) -> dict[str, str]:
    """By absolute id, for each app that has unknown fields, a mark that tells whether those changed. Their values,
    which may hold secrets, cannot be read from it.
    """
    found = {}
    for app_id, app in apps.items():
        unknown = [[list(path), value] for path, value in _unknown(app, APP, ())]
        if unknown:
            found[app_id] = fingerprint(Secret(json.dumps(unknown, sort_keys=True)), app_id)
    return found


def without_unanswered(app: JsonObject, live: JsonObject) -> JsonObject:
    """`app` without the unknown fields that `live` does not answer."""
    missing = [path for path, _ in _unknown(app, APP, ()) if not _has(live, path)]
    if not missing:
        return app
    body = copy.deepcopy(app)
    for *above, last in missing:
        holder: Any = body
        for step in above:
            holder = holder[step]
        del holder[last]
    return body


def _unknown(value: Any, spec: Spec, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(spec, OneOf):
        spec = next((choice for choice in spec.choices if isinstance(choice, Record)), spec)
    if isinstance(spec, Record) and isinstance(value, dict):
        for name, member in value.items():
            if name in spec.members:
                yield from _unknown(member, spec.members[name], (*path, name))
            elif name not in spec.answered:
                yield (*path, name), member
    elif isinstance(spec, MapOf) and isinstance(value, dict):
        for name, member in value.items():
            yield from _unknown(member, spec.value, (*path, name))
    elif isinstance(spec, ListOf) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown(item, spec.item, (*path, index))


def _has(value: Any, path: Path) -> bool:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True
