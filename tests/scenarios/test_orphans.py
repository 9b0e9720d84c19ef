"""Things without an owner, made for real: `env gc` finds them, removes them on demand, and touches nothing else."""

from __future__ import annotations

import json
import signal
import sqlite3
import urllib.request
from base64 import b64encode
from pathlib import Path
from typing import Any

from scenario_cli import Cli, Outcome, eventually

SMALL = """
blueprint: small
timeout: 40s
group:
  apps:
    - {id: web, cmd: exec sleep 1000, cpus: 0.1, mem: 32, portDefinitions: []}
"""
HOOKED = SMALL.replace("timeout:", 'hooks: {after_up: [{name: seed, run: "exec sleep 900", timeout: 60s}]}\ntimeout:')


def blueprint(cli: Cli, text: str = SMALL) -> str:
    file = cli.directory / f"{'hooked' if text is HOOKED else 'small'}.yaml"
    file.write_text(text)
    return str(file)


def write(cli: Cli, method: str, path: str, body: dict[str, Any] | None = None) -> None:
    cluster = cli.cluster
    token = Path(cluster["credential_file"]).read_text().strip()
    basic = b64encode(f"{cluster['user']}:{token}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/json"}
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(cluster["marathon"] + path, data=data, method=method, headers=headers)
    urllib.request.urlopen(request, timeout=10).close()


def store(cli: Cli, statement: str, *values: Any) -> None:
    (file,) = cli.state.glob("*.db")
    with sqlite3.connect(file) as db:
        db.execute(statement, values)


def orphans(outcome: Outcome) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in outcome.json["orphans"]:
        found.setdefault(one["kind"], set()).add(one["id"])
    return found


def outcomes(outcome: Outcome) -> dict[str, str]:
    return {one["id"]: one["outcome"] for one in outcome.json["orphans"]}


def test_each_kind_of_orphan_is_found_and_removed_and_the_healthy_stay(cli: Cli) -> None:
    for name in ("healthy", "lost", "deleted"):
        cli.ok("env", "up", name, "-b", blueprint(cli))
    healthy = cli.task_ids("/ciprov/healthy")
    assert cli.ok("env", "gc", "-o", "json").json["orphans"] == []

    store(cli, "DELETE FROM environments WHERE name = 'lost'")
    write(cli, "DELETE", "/v2/groups/ciprov/deleted?force=true")
    write(cli, "PUT", "/v2/groups/ciprov/empty/below", {})
    stray = {"cmd": "exec sleep 1000", "cpus": 0.1, "mem": 32, "portDefinitions": []}
    write(cli, "PUT", "/v2/apps/ciprov/healthy/extra", {**stray, "labels": {"CIPROV_ENV": "healthy"}})
    write(cli, "PUT", "/v2/apps/ciprov/healthy/foreign", stray)
    write(cli, "PUT", "/v2/apps/elsewhere/web", {**stray, "labels": {"CIPROV_ENV": "lost"}})
    store(
        cli,
        "INSERT INTO locks VALUES ('env/local/dead', 'o', 'ann', ?, ?, 'h', 1, '1')",
        *["2020-01-01T00:00:00.000000+00:00"] * 2,
    )
    eventually(lambda: cli.marathon("/v2/deployments") == [])

    expected = {
        "locks": {"env/local/dead"},
        "apps": {"/ciprov/lost/web", "/ciprov/healthy/extra", "/ciprov/healthy/foreign", "/elsewhere/web"},
        "records": {"deleted"},
        "groups": {"/ciprov/empty", "/ciprov/lost"},
    }
    report = cli.run("env", "gc", "-o", "json")
    assert (report.code, orphans(report)) == (2, expected)
    by_id = outcomes(report)
    assert {by_id["/elsewhere/web"], by_id["/ciprov/healthy/foreign"]} == {"reported"}
    assert "env adopt lost" in next(one for one in report.json["orphans"] if one["id"] == "/ciprov/lost/web")["way_out"]
    table = cli.run("env", "gc").out
    assert "/ciprov/lost/web" in table
    assert "would be removed" in table

    only = cli.ok("env", "gc", "--remove", "--only", "records", "-o", "json")
    assert outcomes(only) == {"deleted": "removed"}
    removed = cli.ok("env", "gc", "--remove", "-o", "json")
    assert set(outcomes(removed).values()) == {"removed", "reported"}

    again = cli.ok("env", "gc", "-o", "json")
    assert set(outcomes(again).values()) == {"reported"}
    assert "/ciprov/lost/web" not in cli.task_ids("/ciprov")
    left = {group["id"] for group in cli.marathon("/v2/groups/ciprov")["groups"]}
    assert left == {"/ciprov/healthy"}
    after = cli.task_ids("/ciprov/healthy")
    assert after["/ciprov/healthy/web"] == healthy["/ciprov/healthy/web"]
    assert "/ciprov/healthy/foreign" in after
    assert "/ciprov/healthy/extra" not in after


def test_what_a_kill_left_is_told_from_what_is_under_way(cli: Cli) -> None:
    cli.ok("env", "up", "healthy", "-b", blueprint(cli))
    hook = "/ciprov/x/ciprov-hook-seed"
    command = cli.start("env", "up", "x", "-b", blueprint(cli, HOOKED))
    try:
        eventually(lambda: cli.task_ids("/ciprov/x").get(hook), 60)
        busy = cli.ok("env", "gc", "-o", "json").json
        assert busy["orphans"] == []
        assert "x" in busy["busy"]
        assert busy["cut_short"] == []
    finally:
        command.send_signal(signal.SIGKILL)
        command.communicate()
    web = cli.task_ids("/ciprov/x")["/ciprov/x/web"]

    found = cli.run("env", "gc", "-o", "json")
    assert (found.code, orphans(found)) == (2, {"apps": {hook}, "locks": {"env/local/x"}})
    assert found.json["cut_short"] == ["x"]
    removed = cli.ok("env", "gc", "--remove", "-o", "json")
    assert set(outcomes(removed).values()) == {"removed"}
    assert cli.task_ids("/ciprov/x") == {"/ciprov/x/web": web}
    assert cli.ok("env", "gc", "-o", "json").json["orphans"] == []
    assert "env resume x" in cli.ok("env", "gc").out


def test_a_store_that_knows_nothing_of_what_runs_removes_nothing(cli: Cli) -> None:
    cli.ok("env", "up", "lost", "-b", blueprint(cli))
    store(cli, "DELETE FROM environments")
    tasks = cli.task_ids("/ciprov/lost")
    refused = cli.run("env", "gc", "--remove", "-o", "json")
    assert refused.code == 1
    assert "--force" in refused.err
    assert cli.task_ids("/ciprov/lost") == tasks
    cli.ok("env", "gc", "--remove", "--force")
    assert cli.task_ids("/ciprov") == {}
    assert cli.ok("env", "gc", "-o", "json").json["orphans"] == []


def test_an_unknown_kind_is_called_wrongly(cli: Cli) -> None:
    wrong = cli.run("env", "gc", "--only", "apps,ghosts")
    assert wrong.code == 64
    assert "ghosts" in wrong.err
