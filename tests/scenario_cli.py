"""The real command line in processes of its own, on an embedded cluster of its own."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import json_documents
import psutil

REPOSITORY = Path(__file__).resolve().parents[1]
COURSEWARE = REPOSITORY / "environments" / "courseware.yaml"


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str
    arguments: tuple[str, ...] = ()

    @property
    def json(self) -> Any:
        """What was written, found to be as the command's schema has it."""
        document = json.loads(self.out)
        json_documents.check(self.arguments, document)
        return document


class Cli:
    """`ciprov` with a state directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.state = directory / "state"
        self.environment = {
            key: value for key, value in os.environ.items() if not key.startswith("CIPROV_") and key != "CI"
        } | {"CIPROV_STATE_DIR": str(self.state), "HOME": str(directory), "XDG_CONFIG_HOME": str(directory / "config")}

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "ciprov", "--local"]

    def run(self, *arguments: str, timeout: float = 90) -> Outcome:
        done = subprocess.run(
            [*self.command, *arguments],
            env=self.environment,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return Outcome(done.returncode, done.stdout, done.stderr, arguments)

    def ok(self, *arguments: str, timeout: float = 90) -> Outcome:
        outcome = self.run(*arguments, timeout=timeout)
        assert outcome.code == 0, f"{arguments} gave {outcome.code}\n{outcome.out}\n{outcome.err}"
        return outcome

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.command, *arguments],
            env=self.environment,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    # ── the embedded cluster, asked as any other client would ──

    @property
    def cluster(self) -> dict[str, Any]:
        return json.loads((self.state / "local" / "cluster.json").read_text())

    def marathon(self, path: str) -> Any:
        cluster = self.cluster
        token = Path(cluster["credential_file"]).read_text().strip()
        basic = base64.b64encode(f"{cluster['user']}:{token}".encode()).decode()
        request = urllib.request.Request(cluster["marathon"] + path, headers={"Authorization": f"Basic {basic}"})
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def tasks(self, app_id: str) -> list[dict[str, Any]]:
        tasks = self.marathon(f"/v2/apps/{app_id.strip('/')}/tasks")["tasks"]
        return [task for task in tasks if task["state"] == "TASK_RUNNING"]

    def task_ids(self, group: str) -> dict[str, set[str]]:
        apps = self.marathon("/v2/apps?embed=apps.tasks")["apps"]
        return {a["id"]: {t["id"] for t in a["tasks"]} for a in apps if a["id"].startswith(group + "/")}

    def processes(self) -> list[psutil.Process]:
        """Every process that belongs to this state directory: its daemon, supervisors and tasks."""
        found = []
        for process in psutil.process_iter():
            try:
                where = " ".join(process.cmdline()) + " " + process.cwd()
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
            if str(self.state) in where:
                found.append(process)
        return found


def eventually(check: Callable[[], Any], seconds: float = 20) -> Any:
    """Poll `check` until it gives something true; fails after `seconds` with what it gave last."""
    end = time.monotonic() + seconds
    while True:
        result = check()
        if result:
            return result
        assert time.monotonic() < end, f"still {result!r} after {seconds} s"
        time.sleep(0.05)
