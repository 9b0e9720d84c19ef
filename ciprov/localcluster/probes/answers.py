"""What a single probe brought back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The final answer to one request; `body` is cut at the asked-for number of bytes."""

    status: int
    reason: str
    content_type: str
    body: bytes

    @property
    def line(self) -> str:
        return f"{self.status} {self.reason}".strip()


class ProbeFailed(Exception):
    """No answer came, or the check said no; the message is the failure's cause."""


class CommandFailed(ProbeFailed):
    """A check's command ran and did not exit with 0; `exit_code` is None where a signal ended it."""

    def __init__(self, message: str, exit_code: int | None) -> None:
        super().__init__(message)
        self.exit_code = exit_code
