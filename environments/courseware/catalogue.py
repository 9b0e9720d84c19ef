"""The catalogue store: courses, lessons and what the worker rendered of them, in SQLite."""

from __future__ import annotations

import os
import sqlite3
import threading
from typing import Any

from service import Answer, as_json, serve

COURSES = {
    "Queues without tears": ["Arrival and service", "Little's law", "When to drop work"],
    "Networks by hand": ["Addresses", "Ports and who holds them", "Bridges"],
    "Storage that lasts": ["Blocks and objects", "Replication"],
}

lock = threading.Lock()
database = sqlite3.connect("catalogue.db", check_same_thread=False)


def prepare() -> None:
    with lock, database:
        database.execute("CREATE TABLE IF NOT EXISTS lesson (id INTEGER PRIMARY KEY, course TEXT, title TEXT)")
        database.execute("CREATE TABLE IF NOT EXISTS rendered (lesson INTEGER PRIMARY KEY, digest TEXT, seconds REAL)")
        if not database.execute("SELECT count(*) FROM lesson").fetchone()[0]:
            rows = [(course, title) for course, titles in COURSES.items() for title in titles]
            database.executemany("INSERT INTO lesson (course, title) VALUES (?, ?)", rows)


def lessons(_query: dict[str, str], _body: Any) -> Answer:
    with lock:
        rows = database.execute(
            "SELECT id, course, title, digest, seconds FROM lesson LEFT JOIN rendered ON lesson = id ORDER BY id"
        ).fetchall()
    names = ("id", "course", "title", "digest", "seconds")
    return as_json(200, [dict(zip(names, row, strict=True)) for row in rows])


def store(_query: dict[str, str], body: Any) -> Answer:
    with lock, database:
        database.execute(
            "INSERT OR REPLACE INTO rendered (lesson, digest, seconds) VALUES (?, ?, ?)",
            (int(body["lesson"]), str(body["digest"]), float(body["seconds"])),
        )
    return as_json(201, {"stored": body["lesson"]})


def health(_query: dict[str, str], _body: Any) -> Answer:
    with lock:
        count = database.execute("SELECT count(*) FROM lesson").fetchone()[0]
    return as_json(200, {"lessons": count, "revision": os.environ.get("REVISION", "")})


prepare()
serve("catalogue", {("GET", "/lessons"): lessons, ("POST", "/rendered"): store, ("GET", "/health"): health})
