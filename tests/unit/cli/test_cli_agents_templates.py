"""`ciprov agents templates` and what `config show` says of agents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ciprov.cli.main import main

TEXT = """\
clusters:
  ci:
    mesos: http://m
    agents:
      listen: 127.0.0.1:0
      jenkins: {url: http://localhost, user: u, token_env: JT}
      defaults: {cpus: 1, mem: 64, warm: 1}
      templates:
        maven: {labels: a b, env: {S: {from_env: SECRET}}, container: {type: docker, image: maven}, most: 3}
        shell: {mem: 128}
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CI", "CIPROV_CLUSTER", "CIPROV_LOCAL", "CIPROV_MARATHON", "CIPROV_DEBUG", "SECRET", "JT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CIPROV_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("CIPROV_CONFIG", str(tmp_path / "config.yaml"))
    (tmp_path / "config.yaml").write_text(TEXT)
    return tmp_path


def test_all_templates_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agents", "templates"]) == 0
    told = capsys.readouterr()
    heads, maven, shell = told.out.splitlines()
    assert heads.split() == ["TEMPLATE", "LABELS", "RESOURCES", "MOST", "WARM", "NOW", "ALGORITHM", "CONTAINER"]
    assert maven.split() == ["maven", "a", "b", "1", "cpus,", "64", "mem", "3", "1", "sticky", "docker", "maven"]
    assert shell.split() == ["shell", "shell", "1", "cpus,", "128", "mem", "-", "1", "sticky", "-"]
    assert "note: agents of other hosts do not reach 127.0.0.1" in told.err


def test_one_is_shown_with_what_it_inherits(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agents", "templates", "shell"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("shell: 1 cpus, 128 mem; 1 idle agents kept ready now\n")
    found = {line.split()[0]: line.split(maxsplit=2)[1:] for line in out.splitlines()[3:]}
    assert found["cpus"] == ["1", f"{here}/config.yaml:7:24 (defaults)"]
    assert found["mem"] == ["128", f"{here}/config.yaml:10:22"]
    assert found["idle"] == ["1m", "default"]
    assert "container" not in found


def test_programs_get_all_of_it_and_no_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    assert main(["agents", "templates", "maven", "-o", "json"]) == 0
    out = capsys.readouterr().out
    (document,) = json.loads(out)["templates"]
    assert "hunter2" not in out
    assert (document["name"], document["warm_now"], document["values"]["mem"]) == ("maven", 1, 64)
    assert document["values"]["env"] == {"S": "(hidden), from variable SECRET"}
    assert document["sources"]["env.S"].endswith("config.yaml:9:39")
    assert document["sources"]["cpus"].endswith("(defaults)")


def test_check_reads_the_secrets(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agents", "templates", "--check"]) == 1
    error = capsys.readouterr().err
    assert "config.yaml:9:39: the environment variable SECRET is not set" in error
    assert "config.yaml:6:60: the environment variable JT is not set" in error
    monkeypatch.setenv("SECRET", "hunter2")
    monkeypatch.setenv("JT", "hunter3")
    assert main(["agents", "templates", "--check"]) == 0
    told = capsys.readouterr()
    assert told.out == "2 templates are as they should be; the secret of their `env` can be read\n"
    assert "hunter" not in told.out + told.err


def test_what_is_wrong_ends_with_1_and_a_wrong_call_with_64(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agents", "templates", "shel"]) == 64
    assert "there is no template 'shel'\n  Did you mean shell?" in capsys.readouterr().err
    (here / "config.yaml").write_text(TEXT.replace("mem: 128", "mem: x, prority: 2"))
    for command in (["agents", "templates"], ["config", "show"], ["agents", "templates", "--check"]):
        assert main(command) == 1
        error = capsys.readouterr().err
        assert "config.yaml:10:22: agents.templates.shell.mem: a number from 32 up is wanted" in error
        assert "config.yaml:10:25: agents.templates.shell.prority: unknown key; did you mean priority?" in error
    (here / "config.yaml").write_text("clusters: {a: {marathon: 'http://m'}}")
    assert main(["agents", "templates"]) == 1
    assert f"{here}/config.yaml: cluster a has no section `agents`" in capsys.readouterr().err


def test_where_the_settings_file_is_gone_it_is_named(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CIPROV_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(here / "gone"))
    assert main(["--local", "agents", "templates"]) == 1
    error = capsys.readouterr().err
    assert f"{here}/gone/ciprov/config.yaml: there is no such settings file, so cluster local has no" in error


def test_config_show_tells_of_agents(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show", "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["cluster"]["settings"]
    assert found["agents.jenkins.token_env"] == {"value": "JT", "from": f"{here}/config.yaml:6:60"}
    assert found["agents.templates"]["value"] == "maven, shell"


def test_a_cluster_of_agents_alone_has_no_environments(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(
            ["--store-local", "env", "plan", "x", "-b", str(Path(__file__).parents[3] / "environments/courseware.yaml")]
        )
        == 1
    )
    assert "cluster ci has no Marathon, and environments need one" in capsys.readouterr().err
