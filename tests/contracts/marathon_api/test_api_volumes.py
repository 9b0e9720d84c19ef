"""Persistent volumes of tasks without an image: what is written there outlives the task, but not the app."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from marathon_http import MarathonApi, sleeper

VOLUME = {"containerPath": "data", "mode": "RW", "persistent": {"size": 1}}


def test_a_volume_outlives_restart_upgrade_kill_and_scaling_to_zero_but_not_its_app(
    api: MarathonApi, group: str, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    container = {"type": "MESOS", "volumes": [VOLUME]}
    command = f'echo "$0" >> data/starts && wc -l < $MESOS_SANDBOX/data/starts >> {seen}; exec sleep 1000'
    app: dict[str, Any] = sleeper(f"{group}/db", cmd=command, container=container)
    path = f"/v2/apps{app['id']}"

    def starts() -> list[int]:
        return [int(line) for line in seen.read_text().splitlines()] if seen.exists() else []

    api.run(app)
    api.until(lambda: starts() == [1])
    api.done(api.post(f"{path}/restart"))
    api.until(lambda: starts() == [1, 2])
    api.done(api.put(path, {"env": {"NEW": "1"}}))
    api.until(lambda: starts() == [1, 2, 3])
    (task,) = api.task_ids(app["id"])
    api.delete(f"{path}/tasks/{task}")
    api.until(lambda: starts() == [1, 2, 3, 4])
    api.done(api.put(path, {"instances": 0}))
    api.done(api.put(path, {"instances": 1}))
    api.until(lambda: starts() == [1, 2, 3, 4, 5])

    api.done(api.delete(path))
    api.run(app)
    api.until(lambda: starts() == [1, 2, 3, 4, 5, 1])


def test_an_upgrade_never_lets_two_instances_want_one_volume(api: MarathonApi, group: str, tmp_path: Path) -> None:
    """Also where all instances are to stay healthy: one of them gives way before its successor starts."""
    container = {"type": "MESOS", "volumes": [VOLUME]}
    command = f"echo x >> data/starts; wc -l < data/starts >> {tmp_path}/$MARATHON_APP_VERSION; exec sleep 1000"
    app = sleeper(
        f"{group}/db",
        cmd=command,
        container=container,
        instances=2,
        upgradeStrategy={"minimumHealthCapacity": 1, "maximumOverCapacity": 0},
    )
    api.run(app)
    done = api.done(api.put(f"/v2/apps{app['id']}", {"env": {"NEW": "1"}}))
    written = tmp_path / done["version"]
    api.until(lambda: written.exists() and len(written.read_text().split()) == 2)
    assert written.read_text().split() == ["2", "2"]
