"""What is offered where, from a few commands and names; and that it comes quickly."""

import json
import os
import resource
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from ciprov.cli.completion.answering import DIRECTORIES, FILES, answer, commands
from ciprov.settings.loading import Options
from ciprov.wiring.names import Names

THERE = {
    "environment": ["feature-x", "feature-y", "main"],
    "app": ["api", "db"],
    "cluster": ["prod"],
    "template": ["gpu", "linux"],
    "agent": ["ciprov-linux-1"],
}


def names(kind, given):
    return THERE[kind]


def offered(*words):
    return [line.partition("\t")[0] for line in answer(["ciprov", *words], names)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["en"], ["env"]),
        (["--local", "env", "do"], ["down"]),
        (["--cluster", ""], ["prod"]),
        (["--cluster", "env", "env", "wa"], ["wake"]),
        (["--cluster="], ["prod"]),
        (["env", "down", "f"], ["feature-x", "feature-y"]),
        (["env", "down", "main", "feature-"], ["feature-x", "feature-y"]),
        (["env", "down", "--lock-wait", "5m", "m"], ["main"]),
        (["env", "down", "--lock-wait", ""], []),
        (["env", "down", "--skip"], ["--skip-hooks"]),
        (["env", "up", "x", "--on-failure", ""], ["rollback", "keep"]),
        (["env", "up", "x", "--on-failure=k"], ["keep"]),
        (["env", "up", "x", "--on-failure", "=", "k"], ["keep"]),
        (["env", "up", "x", "-o", "j"], ["json"]),
        (["env", "up", "x", "--blueprint", "shop"], [FILES]),
        (["env", "up", "x", "surplus"], []),
        (["--state-dir", ""], [DIRECTORIES]),
        (["env", "logs", "main", ""], ["api", "db"]),
        (["env", "exec", "main", "api", "--", "-"], []),
        (["env", "up", "x", "--no-w"], ["--no-wait"]),
        (["agents", "drain", "gpu", ""], ["gpu", "linux"]),
        (["agents", "kill", "ci"], ["ciprov-linux-1"]),
        (["local", "agent", ""], ["list", "drain", "lose", "return"]),
        (["blueprint", "check", ""], [FILES]),
        (["blueprint", "import", "--output", ""], [FILES]),
        (["jobs", "check", ""], [FILES]),
        (["jobs", "sync", "jobs", "--set", "x", "a"], [FILES]),
        (["jobs", "render", "--to", ""], [DIRECTORIES]),
        (["env", "promote", "main", "--as", "f"], ["feature-x", "feature-y"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["nothing", ""], list(commands()["commands"])),
        (["env", "nothing", "--x", ""], list(commands()["commands"]["env"]["commands"])),
    ],
    ids=" ".join,
)
def test_what_may_follow(words, expected):
    assert offered(*words) == expected


def test_options_come_with_what_they_do():
    lines = dict(line.split("\t") for line in answer(["ciprov", "env", "up", "x", "-"], names))
    assert lines["--ttl"].startswith("How long it is meant to live")
    assert {"-b", "--blueprint", "--help", "--no-wait"} <= set(lines)


@pytest.fixture
def machine(tmp_path):
    """Settings with two clusters, and records of each."""
    (tmp_path / "config.yaml").write_text(
        "default_cluster: prod\nclusters:\n  prod: {marathon: http://m, agents: {templates: {linux: {}, gpu: {}}}}\n"
        "  shared: {marathon: http://s, store: 'zk://z/ciprov'}\n"
    )
    record = json.dumps({"group_path": "/ciprov/one", "app_ids": ["/ciprov/one/db/main", "/ciprov/one/api"]})
    with closing(sqlite3.connect(tmp_path / "state.db")) as db:
        db.execute("CREATE TABLE environments (cluster, name, revision, document)")
        rows = [("prod", "two", 1, record), ("prod", "one", 1, record), ("local", "mine", 1, record)]
        db.executemany("INSERT INTO environments VALUES (?, ?, ?, ?)", rows)
        db.commit()
    return Names(Options(config=str(tmp_path / "config.yaml"), state_dir=str(tmp_path)), {"HOME": str(tmp_path)})


@pytest.mark.parametrize(
    ("kind", "given", "found"),
    [
        ("cluster", {}, ["prod", "shared"]),
        ("environment", {}, ["one", "two"]),
        ("environment", {"local": "true"}, ["mine"]),
        ("environment", {"cluster": "shared"}, []),
        ("environment", {"cluster": "none"}, []),
        ("environment", {"state_dir": "/nowhere"}, []),
        ("app", {"name": "one"}, ["api", "db/main"]),
        ("app", {"name": "none"}, []),
        ("template", {}, ["gpu", "linux"]),
        ("template", {"cluster": "shared"}, []),
        ("agent", {}, []),
        ("cluster", {"config": "/nowhere"}, []),
    ],
)
def test_names_are_those_of_this_machine(machine, kind, given, found):
    assert list(machine(kind, given)) == found


def test_what_cannot_be_read_gives_no_names(tmp_path):
    (tmp_path / "config.yaml").write_text("clusters: [")
    (tmp_path / "state.db").write_text("no database")
    for text in ("clusters: [", "7", "clusters: 7", "\0"):
        (tmp_path / "config.yaml").write_text(text)
        found = Names(Options(config=str(tmp_path / "config.yaml"), state_dir=str(tmp_path)), {})
        for kind in THERE:
            assert list(found(kind, {})) == []


def test_an_answer_costs_little_more_than_to_start(tmp_path, machine):
    """Against a Python that imports click and SQLite alone, in the same run and in time of the processor, as others
    run beside it; the least of a few, as caches are cold at first. That is some 150 ms where Python starts in 40.
    """
    environment = {**os.environ, "CIPROV_STATE_DIR": str(tmp_path), "CIPROV_CONFIG": str(tmp_path / "config.yaml")}
    answer = ["-m", "ciprov", "completion", "bash", "--", "ciprov", "env", "down", ""]
    took: dict[str, list[float]] = {"answer": [], "start": []}
    for _ in range(4):
        for what, words in (("answer", answer), ("start", ["-c", "import click, sqlite3"])):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            command = [sys.executable, *words]
            done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            took[what].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            assert done.stdout == ("one\t\ntwo\t\n" if what == "answer" else "")
    assert min(took["answer"]) < 3.5 * min(took["start"]), took
    assert not (tmp_path / "local").exists()
