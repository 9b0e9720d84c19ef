"""Whatever stands in a section `agents`, there are settings or findings, and nothing else."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from agent_settings_examples import EVERY_KEY
from ruamel.yaml import YAML

from ciprov.settings.agents.display import rows, template_values
from ciprov.settings.agents.loading import Place, load
from ciprov.settings.agents.secrets import check
from ciprov.settings.document import Entry, SettingsError

NUMBERS = [None, True, 0, -1, 1.5, float("nan"), float("inf"), 10**30]
TEXTS = ["", " ", "a b", "/", "zk://:@/", "http://[", "[::1]", "0s", "é\0", "a&&", "((", "-Xmx9g", "Mon 25:00-1:00 X"]
NESTED = [
    [],
    [None],
    [[]],
    {},
    {"a": None},
    {"from_env": None},
    {"from_file": "\0"},
    [{}],
    {"count": None},
    {"type": "docker"},
]


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield from paths(member, (*path, key))


def entry(value: Any, lines: Iterator[int]) -> Entry:
    place = f"F:{next(lines)}:1"
    if isinstance(value, dict):
        return Entry({str(key): entry(member, lines) for key, member in value.items()}, place, place)
    if isinstance(value, list):
        return Entry([entry(member, lines) for member in value], place, place)
    return Entry(value, place, place)


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_half_read(tmp_path: Path, seed: int) -> None:
    for name in ("ca.pem", "token", "secret"):
        (tmp_path / name).write_text("x")
    whole = YAML(typ="safe").load(EVERY_KEY)["clusters"]["ci"]["agents"]
    whole["defaults"] = {"cpus": 1, "mem": 64, "env": {"Q": "z"}, "warm": 1}
    chance = random.Random(seed)
    told: list[tuple[str, ...]] = []
    for _ in range(60):
        section = copy.deepcopy(whole)
        *way, last = chance.choice(list(paths(section)))
        there = section
        for key in way:
            there = there[key]
        there[last] = copy.deepcopy(chance.choice(NUMBERS + TEXTS + NESTED))
        try:
            found = load(
                entry(section, count(1)), Place(tmp_path, "builds", has_mesos=True), {"SECRET": "x", "API": "y"}
            )
            assert rows(found)
            assert all(template_values(template) and template.for_demand for template in found.rules.templates)
            check(found)
        except SettingsError as error:
            told.append(error.findings)
    assert told
    assert all(findings and len(set(findings)) == len(findings) for findings in told)
