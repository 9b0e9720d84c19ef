from __future__ import annotations

import pytest

from ciprov.localcluster.api.accepting import best

JSON, TEXT = "application/json", "text/plain"


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("text/plain", TEXT),
        ("text/*", TEXT),
        ("TEXT/PLAIN", TEXT),
        ("application/json, text/plain", JSON),
        ("text/plain, application/json", JSON),
        ("text/plain, application/json;q=0.9", TEXT),
        ("text/plain;q=0.5, */*", JSON),
        ("text/plain;q=nonsense", TEXT),
        ("text/html, */*;q=0.1", JSON),
        ("image/png", None),
        ("text/plain;q=0, application/json;q=0", None),
    ],
)
def test_best(accepted: str, chosen: str | None) -> None:
    assert best(accepted, (JSON, TEXT)) == chosen
