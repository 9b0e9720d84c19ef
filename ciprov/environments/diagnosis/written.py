"""What a task that failed wrote last, where that says more than its exit status."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ciprov.environments.diagnosis.cause import Cause
from ciprov.environments.diagnosis.kinds import Kind

_WORDS: Sequence[tuple[re.Pattern[str], Kind, str]] = (
    (
        re.compile(r"address (?:is )?already in use|EADDRINUSE|bind: .*in use", re.I),
        Kind.PORT_HELD,
        "a port that it listens on is in use on its agent",
    ),
    (
        re.compile(r"OutOfMemoryError|\bMemoryError\b|cannot allocate memory|heap out of memory", re.I),
        Kind.OUT_OF_MEMORY,
        "it ran out of memory by its own account",
    ),
    (
        re.compile(r"^(?:/bin/)?(?:ba)?sh: (?:\d+: )?(?:line \d+: )?.*(?:not found|permission denied)$", re.I | re.M),
        Kind.COMMAND_NOT_FOUND,
        "its command cannot be run",
    ),
)


def cause_of_output(stderr: str, evidence: tuple[str, ...] = ()) -> Cause | None:
    """The last line that tells of one of few well-known causes."""
    for pattern, kind, text in _WORDS:
        lines = [line.strip() for line in stderr.splitlines() if pattern.search(line.strip())]
        if lines:
            return Cause(kind, f"{text}: {lines[-1][:200]}", evidence)
    return None
