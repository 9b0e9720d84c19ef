"""What commands say that need no cluster: nothing is started for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ciprov.cli.main import main


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings, state or variables of whoever runs the tests."""
    for name in ("CI", "CIPROV_CONFIG", "CIPROV_CLUSTER", "CIPROV_LOCAL", "CIPROV_MARATHON", "CIPROV_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("CIPROV_STATE_DIR", str(tmp_path / "state"))


@pytest.mark.parametrize(
    ("data", "place"), [(b"\x89PNG\r\n", "1:1"), ("blueprint: é\nab: ö".encode() + b"\xff\n", "2:6"), (b"\xff", "1:1")]
)
def test_a_file_that_is_no_text_is_told_with_the_place(
    data: bytes, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "b.yaml"
    file.write_bytes(data)
    assert main(["blueprint", "check", str(file)]) == 1
    assert f"{file}:{place}: the file is no UTF-8 text" in capsys.readouterr().err


def test_no_environment_is_listed_without_starting_the_embedded_cluster(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--local", "env", "list"]) == 0
    assert "no environments on local" in capsys.readouterr().out
    assert main(["--local", "env", "list", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["environments"] == []
    assert not (tmp_path / "state" / "local").exists()
