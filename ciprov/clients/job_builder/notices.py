"""What jenkins-job-builder writes to logs while it makes a job: keys that go by other names now, and the like."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_PACKAGE = "jenkins_jobs"


class _Ear(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if _PACKAGE in record.pathname:
            self.heard.append(" ".join(record.getMessage().split()))


@contextmanager
def heard() -> Iterator[list[str]]:
    """Its warnings, and nobody else hears them. It uses its own loggers, and once the root."""
    ear = _Ear()
    root, own = logging.getLogger(), logging.getLogger(_PACKAGE)
    level, propagate = own.level, own.propagate

    def not_its_own(record: logging.LogRecord) -> bool:
        if _PACKAGE not in record.pathname:
            return True
        if record.levelno >= ear.level:
            ear.handle(record)
        return False

    root.addFilter(not_its_own)
    root.addHandler(quiet := logging.NullHandler())  # without any, the first warning makes one that writes to stderr
    own.addHandler(ear)
    own.setLevel(logging.WARNING)
    own.propagate = False
    try:
        yield ear.heard
    finally:
        root.removeFilter(not_its_own)
        root.removeHandler(quiet)
        own.removeHandler(ear)
        own.setLevel(level)
        own.propagate = propagate
