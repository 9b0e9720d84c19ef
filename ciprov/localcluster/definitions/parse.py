"""JSON to records: the way in for every definition.

What is wrong comes as `InvalidJson` (types, ranges, missing fields) or `InvalidObject` (rules), both with places.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.errors import BadRequest, InvalidObject, Violation
from ciprov.localcluster.definitions.fields import APP, APP_UPDATE
from ciprov.localcluster.definitions.ids import ROOT, canonical, top_level
from ciprov.localcluster.definitions.normal_form import completed
from ciprov.localcluster.definitions.old_forms import translated
from ciprov.localcluster.definitions.render import render_app
from ciprov.localcluster.definitions.schema import checked
from ciprov.localcluster.definitions.validate import app_violations
from ciprov.localcluster.json_text import value_of

DEFAULT_ROLE = "*"


def parse_json(body: bytes) -> Any:
    """The JSON value of a request's body; raises `BadRequest` where there is none."""
    if not body.strip():
        raise BadRequest("Please specify data in JSON format", "No content to map due to end-of-input")
    try:
        return value_of(body)
    except ValueError as error:
        raise BadRequest("Invalid JSON", str(error)) from None


def parse_app(raw: Any, base: str = ROOT, *, role: str = DEFAULT_ROLE) -> App:
    """A complete definition in any accepted form, relative ids resolved against `base`."""
    return build_app(checked(APP, raw), base, role=role)


def parse_app_as(app_id: str, raw: Any, *, role: str = DEFAULT_ROLE) -> App:
    """A complete definition that takes its id from the URL; an id in the body is ignored."""
    return parse_app({**raw, "id": app_id} if isinstance(raw, dict) else raw, role=role)


def build_app(cleaned: Mapping[str, Any], base: str = ROOT, *, role: str = DEFAULT_ROLE) -> App:
    """The same from an object whose types are checked already."""
    app = App.model_validate(completed(translated(dict(cleaned)), base, role))
    if found := list(app_violations(app)):
        raise InvalidObject(found)
    return app


def parse_update(raw: Any) -> dict[str, Any]:
    """The named fields of a partial update, in today's form; only types and old forms are checked.

    `version` may stand with nothing but `id` beside it: that is a rollback.
    """
    return update_of(checked(APP_UPDATE, raw))


def update_of(cleaned: Mapping[str, Any]) -> dict[str, Any]:
    """The same from an object whose types are checked already."""
    update = translated(dict(cleaned))
    if "version" in update and set(update) - {"id", "version"}:
        raise InvalidObject([Violation("/", "The 'version' field may only be combined with the 'id' field.")])
    return update


def apply_update(current: App, update: Mapping[str, Any]) -> App:
    """Named fields replace whole values, the others stay; id and version are not touched."""
    named = {key: value for key, value in update.items() if key not in ("id", "version", "versionInfo")}
    merged = {**render_app(current), **named}
    return build_app(checked(APP, merged), role=current.role)


def group_role(app_id: str, enforce_role: bool) -> str:
    """The role an app takes where it names none: that of its top-level group, if the group enforces it."""
    return top_level(canonical(app_id)) if enforce_role else DEFAULT_ROLE
