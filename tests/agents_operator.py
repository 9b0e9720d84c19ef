"""`ciprov agents …` called in this process, with what it wrote."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import json_documents
import pytest

from ciprov.cli.main import main


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


def running(capfd: pytest.CaptureFixture[str]) -> Run:
    """What it writes with `-o json` is checked against its schema."""

    def run(*arguments: str, cluster: str = "--local") -> Outcome:
        try:
            code = main([cluster, "agents", *arguments] if cluster else ["agents", *arguments])
        except SystemExit as left:
            code = int(left.code or 0)
        told = capfd.readouterr()
        if "json" in arguments and told.out and "--watch" not in arguments:
            json_documents.check(["agents", *arguments], json.loads(told.out))
        assert "Traceback" not in told.err
        return Outcome(code, told.out, told.err)

    return run
