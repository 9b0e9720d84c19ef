"""The fake Jenkins in a process of its own, which may be killed and started again on the same port."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

from fake_jenkins_routes import TOKEN, USER
from jenkins_http import JenkinsHttp, wait_for
from real_mesos import free_port

_TESTS = Path(__file__).parent


class JenkinsProcess:
    """`directory` is where it keeps its nodes, jobs and queue. Builds that run when it ends are failed, as agents of a
    one-shot kind would fail them.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.file = directory / "jenkins.json"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = JenkinsHttp(self.url, USER, TOKEN)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, str(_TESTS / "fake_jenkins.py"), "--port", str(self.port)]
        with (self._directory / "jenkins.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--state", str(self.file)],
                cwd=_TESTS,
                env={**os.environ, "PYTHONPATH": str(_TESTS.parent)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(self._answers)

    def kill(self) -> None:
        """At once; nothing happens where it does not run."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"it ended: see {self._directory / 'jenkins.log'}"
        try:
            with urllib.request.urlopen(f"{self.url}/login", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
