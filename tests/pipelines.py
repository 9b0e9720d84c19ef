"""Pipelines run by what Jenkins runs them with, on the steps of this repository's `vars/`; see `shared_library/`."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
LIBRARY = REPOSITORY / "vars"
SOURCES = REPOSITORY / "tests" / "shared_library"
PLACE = Path(os.environ.get("CIPROV_GROOVY_TOOLS", REPOSITORY / ".groovy-tools"))
WAY_OUT = "scripts/groovy-tools installs it"
# As Jenkins starts: Groovy 2.4 reaches into these.
_OPEN = ("java.lang", "java.util", "java.io", "java.util.regex")


def java(tools: str, *more: Path) -> list[str]:
    """A command with the jars of `tools` before its main class; skips the test where they are not installed."""
    program = shutil.which("java")
    jars = sorted((PLACE / tools).glob("*.jar"))
    if program is None:
        _missing("java")
    if not jars:
        _missing(f"Groovy ({PLACE / tools})")
    opens = [word for package in _OPEN for word in ("--add-opens", f"java.base/{package}=ALL-UNNAMED")]
    path = os.pathsep.join(map(str, [*jars, *more]))
    return [program, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", *opens, "-cp", path]


def _missing(what: str) -> NoReturn:
    if os.environ.get("CIPROV_TEST_SERVICES") == "required":
        pytest.fail(f"{what} is not there: {WAY_OUT}")
    pytest.skip(f"{what} is not there: {WAY_OUT}")


class StepFailed(Exception):
    """What a step throws in the pipeline."""


@dataclass(frozen=True)
class Step:
    name: str
    arguments: Mapping[str, Any]
    environment: Mapping[str, str]

    @property
    def script(self) -> str:
        return str(self.arguments["script"])


Answer = Callable[[Step], Any]


@dataclass
class Build:
    """`failed`: what the pipeline ended with, or an empty text. `log`: what people read of it."""

    steps: list[Step] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    returned: Any = None
    failed: str = ""

    @property
    def scripts(self) -> list[str]:
        return [step.script for step in self.steps if step.name == "sh"]

    @property
    def text(self) -> str:
        return "\n".join(self.log)


class Pipelines:
    """One interpreter, which runs one pipeline after the other."""

    def __init__(self) -> None:
        command = [*java("pipelines", SOURCES), "groovy.ui.GroovyMain", str(SOURCES / "Interpreter.groovy")]
        self._process = subprocess.Popen(
            [*command, str(LIBRARY), str(SOURCES / "steps" / "Steps.groovy"), str(SOURCES / "allowed")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._errors: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._read_errors, daemon=True).start()

    def run(self, pipeline: str, answer: Answer, environment: Mapping[str, str] | None = None) -> Build:
        """`answer` gives what a step returns, or raises `StepFailed`; `error` and `echo` answer by themselves."""
        build = Build()
        self._send({"pipeline": pipeline, "environment": dict(environment or {})})
        while True:
            told = self._next()
            if "step" not in told:
                build.returned, build.failed = told.get("returned"), told.get("failed", "")
                return build
            step = Step(told["step"], told["arguments"], told["environment"])
            build.steps.append(step)
            try:
                self._send({"value": self._answered(step, answer, build)})
            except StepFailed as failure:
                self._send({"error": str(failure)})

    @staticmethod
    def _answered(step: Step, answer: Answer, build: Build) -> Any:
        if step.name == "error":
            raise StepFailed(step.arguments["message"])
        if step.name == "echo":
            build.log.append(step.arguments["message"])
            return None
        return answer(step)

    def stop(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def _next(self) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=60)
        except queue.Empty:
            line = ""
        assert line, "the interpreter does not answer:\n" + "".join(self._errors[-40:])
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _read_errors(self) -> None:
        assert self._process.stderr
        self._errors.extend(self._process.stderr)
