"""What a task finds: variables, secrets by value, fetched files. Recording `docker_and_more_session.json`."""

from __future__ import annotations

import base64
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from launches import run
from plain_mesos import Json
from plain_scheduler import Scheduler
from task_infos import amounts, environment, ports, scalar


def secret(name: str, value: str) -> Json:
    data = base64.b64encode(value.encode()).decode()
    return {"name": name, "type": "SECRET", "secret": {"type": "VALUE", "value": {"data": data}}}


def found(scheduler: Scheduler, tmp_path: Path, variables: list[Json], **fields: Any) -> dict[str, str]:
    """The environment that a task had."""
    program = "import json, os; print(json.dumps(dict(os.environ)))"
    command = {"value": f"python3 -c '{program}' > {tmp_path}/seen", "environment": {"variables": variables}}
    assert run(scheduler, command, **fields)["state"] == "TASK_FINISHED"
    return dict(json.loads((tmp_path / "seen").read_text()))


def test_values_reach_the_task_as_they_are(scheduler: Scheduler, tmp_path: Path) -> None:
    wanted = {"PLAIN": "a b", "QUOTES": 'it\'s "$HOME" `x` \\', "EMPTY": "", "LINES": "1\n2", "UMLAUT": "ü→"}
    seen = found(scheduler, tmp_path, list(environment(**wanted)))
    assert {name: seen[name] for name in wanted} == wanted


def test_a_value_without_a_type_is_one(scheduler: Scheduler, tmp_path: Path) -> None:
    assert found(scheduler, tmp_path, [{"name": "OLD", "value": "form"}])["OLD"] == "form"


def test_a_secret_by_value_reaches_the_task(scheduler: Scheduler, tmp_path: Path) -> None:
    seen = found(scheduler, tmp_path, [secret("TOKEN", "geheim ü")])
    assert seen["TOKEN"] == "geheim ü"


def test_what_mesos_itself_puts_there(scheduler: Scheduler, tmp_path: Path) -> None:
    seen = found(scheduler, tmp_path, [])
    status = scheduler.told[-1]
    assert seen["MESOS_FRAMEWORK_ID"] == scheduler.framework_id
    assert seen["MESOS_EXECUTOR_ID"] == status["task_id"]["value"]
    assert seen["MESOS_SLAVE_ID"] == status["agent_id"]["value"]
    assert seen["MESOS_ALLOCATION_ROLE"] == "ci"
    assert seen["MESOS_SANDBOX"] == seen["PWD"]
    assert "PATH" in seen


def test_the_environment_of_who_runs_the_agent_stays_out(scheduler: Scheduler, tmp_path: Path) -> None:
    seen = found(scheduler, tmp_path, [])
    assert not [name for name in seen if name.startswith(("CIPROV_", "PYTEST_", "VIRTUAL_ENV"))]


# Fetching


def fetch(scheduler: Scheduler, line: str, *uris: Json) -> Json:
    return run(scheduler, {"value": line, "uris": list(uris)})


def test_a_file_is_fetched_before_the_task_starts(scheduler: Scheduler, tmp_path: Path) -> None:
    (tmp_path / "agent.jar").write_text("content")
    ended = fetch(scheduler, '[ "$(cat agent.jar)" = content ]', {"value": f"file://{tmp_path}/agent.jar"})
    assert ended["state"] == "TASK_FINISHED", ended


def test_a_file_under_another_name_and_executable(scheduler: Scheduler, tmp_path: Path) -> None:
    (tmp_path / "script").write_text("#!/bin/sh\nexit 6\n")
    uri = {"value": f"file://{tmp_path}/script", "output_file": "deep/tool", "executable": True}
    assert fetch(scheduler, "./deep/tool", uri)["message"] == "Command exited with status 6"


@pytest.mark.parametrize(("extract", "state"), [(True, "TASK_FINISHED"), (False, "TASK_FAILED")])
def test_an_archive_is_unpacked_unless_not_wanted(
    scheduler: Scheduler, tmp_path: Path, extract: bool, state: str
) -> None:
    (tmp_path / "inside").write_text("x")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "inside", "inside")
    uri = {"value": f"file://{tmp_path}/a.tar.gz", "extract": extract}
    assert fetch(scheduler, "[ -e inside ]", uri)["state"] == state


def test_a_cached_file_is_there_again(scheduler: Scheduler, tmp_path: Path) -> None:
    (tmp_path / "cached.jar").write_text("content")
    uri = {"value": f"file://{tmp_path}/cached.jar", "cache": True}
    for _ in range(2):
        assert fetch(scheduler, '[ "$(cat cached.jar)" = content ]', uri)["state"] == "TASK_FINISHED"


def test_what_cannot_be_fetched(scheduler: Scheduler, tmp_path: Path) -> None:
    """The task never starts; recording `uri-missing` in `docker_and_more_session.json`."""
    failed = fetch(scheduler, "true", {"value": f"file://{tmp_path}/missing"})
    assert (failed["state"], failed["reason"]) == ("TASK_FAILED", "REASON_CONTAINER_LAUNCH_FAILED")
    assert failed["source"] == "SOURCE_AGENT"
    assert failed["message"].startswith("Failed to launch container: Failed to fetch all URIs for container '")
    assert failed["uuid"]
    assert scheduler.states(failed["task_id"]["value"]) == ["TASK_FAILED"]


def test_ports_are_reserved_not_bound(scheduler: Scheduler, tmp_path: Path) -> None:
    """Mesos tells the task nothing of them: who launches it has to."""
    port = min(amounts(scheduler.offer())["ports"])
    wanted = [scalar("cpus", 0.1), scalar("mem", 32), ports(port)]
    seen = found(scheduler, tmp_path, list(environment(PORT0=str(port))), resources=wanted)
    assert seen["PORT0"] == str(port)
