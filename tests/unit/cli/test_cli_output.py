"""How results are written."""

from __future__ import annotations

import json
import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from ciprov.cli.dotenv import lines, safe
from ciprov.cli.output import SCHEMA, Result, rendered, table
from ciprov.domain.environment import Endpoint
from ciprov.environments.variables import endpoint_variables, name_of

RESULT = Result({"name": "x", "apps": ("a", "b"), "n": None, "yes": True, "text": "é: #"}, "for people", {"A_B": "1"})


def test_documents_carry_the_version_of_their_form() -> None:
    read = json.loads(rendered(RESULT, "json"))
    assert read == {"schema": SCHEMA, "name": "x", "apps": ["a", "b"], "n": None, "yes": True, "text": "é: #"}
    assert YAML(typ="safe").load(rendered(RESULT, "yaml")) == read
    assert next(iter(read)) == "schema"
    assert rendered(RESULT, "yaml").startswith("schema: 1\nname: x\n")


def test_text_ends_with_one_line_end() -> None:
    assert rendered(RESULT, "table") == "for people\n"
    assert rendered(Result({}, "two\n\n"), "table") == "two\n"
    assert rendered(Result({}, ""), "table") == ""


def test_a_row_of_a_table_is_one_line() -> None:
    assert table(("A", "WHY"), [("x", "it said\n'no'\n")]) == "A  WHY\nx  it said 'no'"


def test_a_table_is_aligned() -> None:
    assert table(("A", "LONGER"), [("wide cell", "x"), ("y", "")]) == "A          LONGER\nwide cell  x\ny"


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("api", "http", "URL"), "API_HTTP_URL"),
        (("db/main", "0", "PORT"), "DB_MAIN_0_PORT"),
        (("a-b.c", "x"), "A_B_C_X"),
        (("9lives", "x"), "_9LIVES_X"),
    ],
)
def test_names_of_variables(parts: tuple[str, ...], name: str) -> None:
    assert name_of(*parts) == name


def test_names_that_meet_stay_apart() -> None:
    endpoints = [
        Endpoint("a-b", "c", "h", 1, url="http://h:1/"),
        Endpoint("a", "b-c", "h", 2),
        Endpoint("a/b", "c", "h", 3),
    ]
    assert endpoint_variables(endpoints) == {
        "A_B_C_HOST": "h",
        "A_B_C_PORT": "1",
        "A_B_C_URL": "http://h:1/",
        "A_B_C_2_HOST": "h",
        "A_B_C_2_PORT": "2",
        "A_B_C_3_HOST": "h",
        "A_B_C_3_PORT": "3",
    }


def test_addresses_stay_as_they_are() -> None:
    for value in ("http://127.0.0.1:20001/path/x-y_z?", "/ciprov/feature-x", "a,b", "2024-01-01T00:00:00.000Z"):
        assert safe(value) == value.replace("?", "%3F")


@given(st.text(max_size=40))
def test_no_value_is_anything_but_text_to_a_shell(value: str) -> None:
    text = lines({"A": value})
    assert text.count("\n") == 1
    assert shlex.split(text) == [text.strip()]
    assert not set(safe(value)) & set("\\\"'`$&|;<>()*!#~ \t")


def test_a_shell_reads_what_was_meant() -> None:
    text = lines({"URL": "http://h:1/", "LIST": "a,b"})
    said = subprocess.run(
        ["sh", "-c", f'{text}printf "%s|%s" "$URL" "$LIST"'], capture_output=True, text=True, check=True
    )
    assert said.stdout == "http://h:1/|a,b"
