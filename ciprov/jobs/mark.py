"""The mark of a job that ciprov made: at the end of its description, where people see it and Jenkins keeps it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ciprov.foundation.errors import UsageError

_SET = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
_MARK = re.compile(r"\s*\[ciprov jobs=(?P<set>[\w.-]+)(?: of (?P<job>[^\[\]]+))?\]\s*\Z")


@dataclass(frozen=True, slots=True)
class Mark:
    """`set` names the definitions that a job comes from, so that two repositories may share one Jenkins.

    `job` is the job's full name: whoever copies a job in Jenkins copies its description, and the copy is not ciprov's.
    """

    set: str
    job: str = ""

    def __post_init__(self) -> None:
        if not _SET.fullmatch(self.set):
            raise UsageError(
                f"{self.set!r} is no name for a set of jobs",
                way_out="take up to 64 letters, digits, and inner dots, dashes and underscores",
            )

    def __str__(self) -> str:
        return f"[ciprov jobs={self.set} of {self.job}]" if self.job else f"[ciprov jobs={self.set}]"

    def of(self, job: str) -> Mark:
        """The mark of this job."""
        return Mark(self.set, job)


def mark_in(description: str) -> Mark | None:
    match = _MARK.search(description)
    return None if match is None or not _SET.fullmatch(match["set"]) else Mark(match["set"], match["job"] or "")


def marked(description: str, mark: Mark) -> str:
    """The description with the mark in place of any other one."""
    bare = _MARK.sub("", description).rstrip()
    return f"{bare}\n\n{mark}" if bare else str(mark)
