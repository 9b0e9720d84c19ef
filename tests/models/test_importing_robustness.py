"""Whatever comes in, an import ends with a blueprint or a reason, never with an exception."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciprov.environments import desired
from ciprov.environments.blueprint.load import load
from ciprov.environments.blueprint.nodes import NOWHERE, Node, plain
from ciprov.environments.blueprint.parsing import parse
from ciprov.environments.importing.emitting import Page
from ciprov.environments.importing.importer import Imported, import_definitions
from ciprov.environments.importing.references import ref, written
from ciprov.environments.importing.sources import Unreadable

ODD_TEXTS = (
    "",
    "db",
    "http://db:5432",
    "80:${P:-1}/udp",
    "./a:/b:ro",
    "${X",
    "$$",
    "{{x}}",
    "%{y}",
    "???",
    "1m30s",
    "64m",
)
TEXTS = st.text(max_size=12) | st.sampled_from(ODD_TEXTS)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**20) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
SERVICE_FIELDS = (
    *("image", "build", "ports", "expose", "volumes", "environment", "env_file", "depends_on", "healthcheck", "deploy"),
    *("networks", "network_mode", "command", "entrypoint", "secrets", "configs", "profiles", "restart", "ulimits"),
    *("labels", "extends", "logging", "tmpfs", "links", "sysctls", "cap_add", "mem_limit", "cpus", "scale"),
    *("pull_policy", "stop_grace_period", "hostname", "privileged", "init", "x-own"),
)
SERVICES = st.dictionaries(st.sampled_from(SERVICE_FIELDS), VALUES, max_size=5)
COMPOSE = st.fixed_dictionaries(
    {"services": st.dictionaries(st.sampled_from(["db", "Web_1", "a.b", "tasks"]), SERVICES | VALUES, max_size=3)},
    optional={"volumes": VALUES, "secrets": VALUES, "networks": VALUES, "name": VALUES, "x-own": VALUES},
)
APPS = st.dictionaries(
    st.sampled_from(["id", "cmd", "args", "env", "container", "ports", "dependencies", "labels", "instances", "image"]),
    VALUES,
    max_size=6,
)
MARATHON = APPS | st.lists(APPS, max_size=3) | st.fixed_dictionaries({"id": TEXTS, "apps": st.lists(APPS, max_size=3)})


def imported(files: list[str], texts: dict[str, str | Unreadable]) -> Imported:
    result = import_definitions(files, texts)
    while result.wanted:
        texts |= {path: _read(path) for path in result.wanted if path not in texts}
        result = import_definitions(files, texts)
    return result


def _read(path: str) -> str | Unreadable:
    file = Path(path)
    try:
        return file.read_text() if file.is_absolute() and file.is_file() else Unreadable("no such file")
    except ValueError:
        return Unreadable("no usable path")


def consistent(result: Imported) -> None:
    """A blueprint whose errors were all told, or none with a reason; and it can be filled in without an exception."""
    wrong = {finding.message for finding in result.findings if finding.is_error}
    if not result.text:
        assert wrong
        return
    blueprint, _ = load(result.text, "made.yaml")
    assert {finding.message for finding in desired.check(blueprint) if finding.is_error} == wrong
    if not wrong:
        open_ones = [one for one in blueprint.parameters.values() if one.default is None]
        values = {one.name: {"integer": "1", "number": "1", "boolean": "true"}.get(one.type, "x") for one in open_ones}
        variables = {f"CIPROV_PARAM_{name.upper().replace('-', '_')}": value for name, value in values.items()}
        request = desired.Request("x", "/ciprov/x", "127.0.0.1", "/dir", environment=variables)
        with contextlib.suppress(desired.BlueprintError):
            assert desired.build(blueprint, request).apps


@given(COMPOSE)
def test_any_compose_file(document):
    consistent(imported(["p/compose.yml"], {"p/compose.yml": json.dumps(document)}))


@given(MARATHON)
def test_any_marathon_definition(document):
    consistent(imported(["p/app.json"], {"p/app.json": json.dumps(document)}))


@given(st.text(alphabet=st.sampled_from("{}[]:,-#%$&*!|>'\"\n\t \\abid01?/\ufdd0\ufdd2é"), max_size=60))
def test_any_text(text):
    consistent(imported(["a.yml"], {"a.yml": text}))


@given(VALUES)
def test_what_is_written_reads_the_same(value):
    page = Page(())
    page.member("v", _node(value), 0)

    read, findings = parse(page.text(), "f")

    assert not findings
    assert read is not None
    expected = json.loads(written(json.dumps(value, ensure_ascii=False), ()))
    assert _unescaped(plain(read)) == {"v": _unescaped(expected)}


def _node(value: object) -> Node:
    if isinstance(value, dict):
        return Node({key: _node(member) for key, member in value.items()}, NOWHERE)
    return Node([_node(item) for item in value] if isinstance(value, list) else value, NOWHERE)


def _unescaped(value: object) -> object:
    if isinstance(value, dict):
        return {key.replace("$${", "${"): _unescaped(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_unescaped(item) for item in value]
    return value.replace("$${", "${") if isinstance(value, str) else value


@given(st.lists(st.sampled_from(["$", "{", "}", "${", "A", "x", ref("p"), "PORT0", "."]), max_size=8).map("".join))
def test_a_text_means_the_same_after_filling_in(text):
    """Of what is written, the blueprint's own filling-in makes the text again, with the parameters' values."""
    from ciprov.environments.blueprint.substitution import Filling, Unknown, fill

    values = {"p": "<p>", "dollar": "$", "A": "<A>"}

    def lookup(name: str) -> Filling | Unknown:
        return Filling(values[name]) if name in values else Unknown("none")

    filled = fill(Node(written(text, values)), lookup, lambda *_: None, "")

    assert filled.value == text.replace(ref("p"), "<p>")


def test_secrets_of_files_beside_it_are_never_written():
    texts: dict[str, str | Unreadable] = {
        "c.yml": "services: {a: {image: a, env_file: e.env, environment: {P: '${DB_PASSWORD}', Q: '${API_KEY-}'}}}",
        ".env": "DB_PASSWORD=hush1\nAPI_KEY=hush2\n",
        "e.env": "TOKEN=hush3\n",
    }

    result = imported(["c.yml"], texts)

    assert "hush" not in result.text
    assert "hush" not in "\n".join(map(str, result.findings))
    assert result.text.count("type: secret") == 3


DEFINITIONS = os.environ.get("CIPROV_TEST_DEFINITIONS")


def real_files() -> list[list[str]]:
    if not DEFINITIONS:
        return []
    folders = [folder for folder in (Path(DEFINITIONS), Path(DEFINITIONS).parent / "compose") if folder.is_dir()]
    files = [[str(file)] for folder in folders for file in sorted(folder.rglob("*")) if file.is_file()]
    overrides = [file for [file] in files if ".dev." in file]
    pairs = [[base, over] for over in overrides for [base] in files if over.replace(".dev.", ".") == base]
    return [*files, *pairs]


@pytest.mark.skipif(not DEFINITIONS, reason="CIPROV_TEST_DEFINITIONS names no directory of Marathon definitions")
@pytest.mark.parametrize("files", real_files(), ids=lambda files: "+".join(Path(file).name for file in files))
def test_real_definitions_are_imported_or_refused_with_place_and_reason(files):
    result = imported(files, {file: Path(file).read_text() for file in files})

    consistent(result)
    for finding in result.findings:
        assert finding.file
        assert finding.line
        assert finding.message
