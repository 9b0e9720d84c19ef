"""From a store's URL to the store."""

from __future__ import annotations

from pathlib import Path

from ciprov.store.sqlite import SqliteStore


def open_store(url: str) -> SqliteStore:
    """`sqlite:///absolute/path.db`; a fourth slash does no harm, and `sqlite:///~/x.db` is in the home directory."""
    path = "/" + url.removeprefix("sqlite:///").lstrip("/")
    return SqliteStore(Path(path[1:]).expanduser() if path.startswith("/~") else Path(path))
