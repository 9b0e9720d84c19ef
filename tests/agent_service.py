"""`ciprov agents serve` in a process of its own: its settings, its log, its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fake_jenkins_routes import TOKEN, USER

from ciprov.foundation.json import JsonObject

_LINES = int(os.environ.get("CIPROV_TEST_STORY", "25"))
TEMPLATE: Mapping[str, Any] = {"cpus": 0.1, "mem": 32, "jar_cache": "off", "online": "20s", "idle": "2s"}
"""What templates for the fake Jenkins's agents have in common, besides their `java`."""


def settings(
    jenkins: str, java: Path, templates: Mapping[str, Mapping[str, Any]], token: str = TOKEN, **others: Any
) -> JsonObject:
    """The section `agents` of a cluster. `templates` without what all of them have in common."""
    return {
        "jenkins": {"url": jenkins, "user": USER, "token": token},
        "defaults": {**TEMPLATE, "java": str(java)},
        "templates": {name: dict(template) for name, template in templates.items()},
        **others,
    }


def write_settings(file: Path, cluster: str, agents: JsonObject, **others: Any) -> None:
    """YAML that is JSON as well. At once, as an editor does it."""
    beside = file.with_suffix(".new")
    beside.write_text(json.dumps({"clusters": {cluster: {**others, "agents": agents}}}, indent=2))
    beside.rename(file)


class AgentServiceProcess:
    """`environment` names its settings and state directory, `options` the cluster. Its log is kept over its lives."""

    def __init__(self, log: Path, environment: Mapping[str, str], *options: str) -> None:
        self.log = log
        self._environment = dict(environment)
        self._command = [sys.executable, "-m", "ciprov", *options, "agents", "serve", "--log-format", "json"]
        self._read = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                env=self._environment,
                cwd=self.log.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def end(self, number: int = signal.SIGTERM, seconds: float = 20.0) -> int:
        """By that signal; its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.wait(seconds)

    def wait(self, seconds: float = 20.0) -> int:
        """Until it ends by itself."""
        assert self.process is not None
        try:
            return self.process.wait(seconds)
        finally:
            self.process.kill()
            self.process.wait()
            self.process = None

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def text(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    @property
    def story(self) -> str:
        """What it told last, in short: for whoever reads why a test failed."""
        lines = [f"{one['ts'][14:-1]} {one['text']}" for one in self.told()]
        other = [line for line in self.text.splitlines() if not line.startswith("{")]
        return "\n".join([*other, *lines][-_LINES:])

    def told(self, event: str = "", **having: Any) -> list[JsonObject]:
        """All lines of its log so far of that event that have these values."""
        found = []
        for line in self.text.splitlines(keepends=True):
            if line.startswith("{") and line.endswith("\n"):
                one = json.loads(line)
                if event in {"", one["event"]} and having.items() <= one.items():
                    found.append(one)
        return found

    def wait_for(self, event: str, seconds: float = 20.0, count: int = 1, **having: Any) -> JsonObject:
        """The last of the first `count` such lines."""
        end = time.monotonic() + seconds
        while len(found := self.told(event, **having)) < count:
            assert time.monotonic() < end, f"not told {count} times: {event} {having}\n{self.story}"
            time.sleep(0.03)
        return found[count - 1]
