"""The API: the only way to the catalogue for the web front and the worker."""

from __future__ import annotations

import os
from typing import Any

from service import Answer, as_json, call, ready_once, serve

CATALOGUE = f"http://{os.environ['CATALOGUE']}"


def lessons(_query: dict[str, str], _body: Any) -> Answer:
    return as_json(200, call(f"{CATALOGUE}/lessons"))


def pending(_query: dict[str, str], _body: Any) -> Answer:
    return as_json(200, [lesson for lesson in call(f"{CATALOGUE}/lessons") if lesson["digest"] is None])


def rendered(_query: dict[str, str], body: Any) -> Answer:
    return as_json(201, call(f"{CATALOGUE}/rendered", {key: body[key] for key in ("lesson", "digest", "seconds")}))


serve(
    "api",
    {
        ("GET", "/lessons"): lessons,
        ("GET", "/pending"): pending,
        ("POST", "/rendered"): rendered,
        ("GET", "/health"): ready_once(lambda: call(f"{CATALOGUE}/health")),
    },
)
