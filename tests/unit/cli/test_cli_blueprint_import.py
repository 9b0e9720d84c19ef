"""`ciprov blueprint import` as it is called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ciprov.cli.main import cli

COMPOSE = "services:\n  web: {image: 'web:${TAG:-1}', cpus: 1, mem_limit: 64m, env_file: web.env}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "compose.yml").write_text(COMPOSE)
    (tmp_path / "web.env").write_text("A=1\n")
    return tmp_path


def call(*words: str) -> Result:
    return CliRunner().invoke(cli, ["blueprint", "import", *words])


def test_the_blueprint_is_on_stdout_and_what_happened_on_stderr(folder):
    result = call("compose.yml", "--name", "Shop")

    assert result.exit_code == 0
    assert "blueprint: shop\n" in result.stdout
    assert 'A: "1"' in result.stdout
    assert "compose.yml:2:9: note: services.web.image: the variable TAG becomes a parameter" in result.stderr
    assert "0 errors, 0 not carried over" in result.stderr


def test_what_it_writes_is_accepted_by_check(folder):
    assert call("compose.yml", "--output", "made.yaml").exit_code == 0

    assert CliRunner().invoke(cli, ["blueprint", "check", "made.yaml"]).exit_code == 0


def test_the_directory_names_it(folder):
    assert f"blueprint: {folder.name.replace('_', '-')}\n" in call("compose.yml").stdout


def test_another_file_is_not_replaced_without_force(folder):
    (folder / "made.yaml").write_text("mine")

    refused = call("compose.yml", "--output", "made.yaml")
    kept = (folder / "made.yaml").read_text()
    forced = call("compose.yml", "--output", "made.yaml", "--force")

    assert "says something else" in str(refused.exception)
    assert (kept, forced.exit_code) == ("mine", 0)
    assert (folder / "made.yaml").read_text() != "mine"


def test_json_and_strict(folder):
    (folder / "web.env").unlink()

    result = call("compose.yml", "--strict", "-o", "json")

    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (document["imported"], document["errors"], document["lost"]) == (True, 0, 1)
    assert document["text"].startswith("# Imported")
    assert {"file", "line", "column", "key", "message"} <= document["findings"][0].keys()


def test_a_refused_file(folder):
    (folder / "pod.json").write_text('{"id": "/p", "containers": []}')

    result = call("pod.json", "--output", "made.yaml")

    assert result.exit_code == 1
    assert not (folder / "made.yaml").exists()
    assert "pod.json:1:1" in result.stdout


@pytest.mark.parametrize("word", ["json", "yaml"])
def test_a_form_in_place_of_a_file_is_a_slip(folder, word):
    assert f"-o {word}" in str(call("compose.yml", "--output", word).exception)


def test_files_that_cannot_be_read(folder):
    (folder / "latin").write_bytes(b"\xff\xfe\xe9")

    for name in ("gone.yml", "latin", "."):
        assert "cannot be read" in str(call(name).exception)
