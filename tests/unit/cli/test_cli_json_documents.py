"""Documents and their schemas: each command has one, and what is written without a cluster is as it says.

Scenarios compare all else: whatever they read with `Outcome.json`.
"""

import json
from dataclasses import replace

import json_documents
import pytest
from agent_snapshots import BUSY_DAY, EMPTY, NOW, went

from ciprov.agents.record import Cause
from ciprov.agents.view.status_view import agent, status
from ciprov.agents.view.why import why
from ciprov.cli.completion.tree import walk
from ciprov.cli.main import cli, main
from ciprov.cli.output import SCHEMA

LINES = {"env-events-follow"}


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """No settings, state or variables of whoever runs the tests."""
    for name in ("CI", "CIPROV_CONFIG", "CIPROV_CLUSTER", "CIPROV_LOCAL", "CIPROV_MARATHON"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("CIPROV_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


def versions(found):
    if isinstance(found, list):
        return set().union(*map(versions, found))
    if not isinstance(found, dict):
        return set()
    own = {found["properties"]["schema"]["const"]} if "schema" in found.get("properties", {}) else set()
    return own.union(*map(versions, found.values()))


def test_each_command_that_writes_documents_has_a_schema_of_this_version():
    writing = {"-".join(path) for path, command in walk(cli) if any("-o" in one.opts for one in command.params)}
    written = {file.stem for file in json_documents.SCHEMAS.glob("*.json")}
    assert written - LINES == writing, "each command with -o has its schema in docs/schemas/"
    for name in written:
        assert versions(json_documents.schema(name)) == {SCHEMA}, name
        json_documents.validator(name)


@pytest.mark.parametrize(
    "arguments",
    [
        ["config", "show"],
        ["--local", "local", "status"],
        ["--local", "env", "list"],
        ["--local", "env", "gc"],
        ["--local", "env", "reap"],
        ["--local", "env", "events"],
        ["--local", "env", "gc", "--remove"],
        ["--local", "env", "reap", "--dry-run"],
        ["blueprint", "check", "bad.yaml"],
        ["blueprint", "import", "compose.yaml"],
        ["jobs", "check", "jobs.yaml"],
        ["jobs", "render", "jobs.yaml", "--job", "a"],
        ["--local", "agents", "templates"],
        ["--local", "agents", "templates", "--check"],
    ],
    ids=" ".join,
)
def test_what_is_written_without_a_cluster_is_as_its_schema_has_it(arguments, tmp_path, capsys):
    (tmp_path / "bad.yaml").write_text("blueprint: b\ngroup:\n  apps:\n  - {id: a, cmd: 'true', instnaces: 2}\n")
    (tmp_path / "jobs.yaml").write_text("- job: {name: a, dsl: x}\n")
    (tmp_path / "compose.yaml").write_text("services: {web: {image: nginx, ports: ['80:80'], restart: always}}\n")
    if "agents" in arguments:
        (tmp_path / "config/ciprov").mkdir(parents=True)
        (tmp_path / "config/ciprov/config.yaml").write_text(
            "clusters: {local: {agents: {jenkins: {url: 'http://j', user: a, token: b},"
            " templates: {linux: {cpus: 1, mem: 512}}}}}\n"
        )
    main([*arguments, "-o", "json"])
    json_documents.check(arguments, json.loads(capsys.readouterr().out))


def test_documents_of_the_agent_service():
    gone = replace(EMPTY, recent=(went("linux-0", Cause.DONE),))
    for shown in (
        status(BUSY_DAY, NOW),
        status(EMPTY, NOW),
        agent(BUSY_DAY, "linux-1", NOW),
        agent(BUSY_DAY, "linux-2", NOW),
        status(gone, NOW),
        agent(gone, "linux-0", NOW),
    ):
        json_documents.check(["agents", "status"], versioned(shown))
    for label in ("linux", "linux && nothing", "", "nothing", "linux &&"):
        json_documents.check(["agents", "why", label], versioned(why(BUSY_DAY, label, NOW).as_json()))


def versioned(document):
    return json.loads(json.dumps({"schema": SCHEMA, **document}))


@pytest.mark.parametrize("change", [{"new": 1}, {"templates": "linux"}, {"schema": SCHEMA + 1}])
def test_a_document_that_changes_is_told(change):
    with pytest.raises(AssertionError, match=r"agents-drain: .*\n.*docs/json\.md"):
        json_documents.check(["agents", "drain", "x"], {"schema": SCHEMA, "templates": ["linux"], **change})


def test_a_key_that_is_gone_is_told():
    with pytest.raises(AssertionError, match="templates"):
        json_documents.check(["--local", "-q", "agents", "drain", "--all"], {"schema": SCHEMA})


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["--cluster", "env", "env", "up", "down", "-o", "json"], "env-up"),
        (["--local", "local", "agent", "list", "-o", "json"], "local-agent-list"),
        (["agents", "status", "agent", "--every=3"], "agents-status"),
    ],
)
def test_the_command_is_told_by_its_words(arguments, command):
    assert json_documents.command_of(arguments) == command
