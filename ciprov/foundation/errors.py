"""The errors that a user sees, and the exit codes of the whole command line."""

from __future__ import annotations

OK = 0
FAILED = 1
CHANGES = 2
USAGE = 64
INTERRUPTED = 130


class CiprovError(Exception):
    """A refusal or failure told to the user as one clear message, never as a traceback.

    `message` names the thing and what is wrong with it; `place` is where (`file:line:column`, an app id, a URL);
    `way_out` is what the user can do about it. None of them may hold a secret in clear.
    """

    exit_code = FAILED

    def __init__(self, message: str, *, place: str = "", way_out: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.way_out = way_out

    def __str__(self) -> str:
        text = f"{self.place}: {self.message}" if self.place else self.message
        return f"{text}\n  {self.way_out}" if self.way_out else text


class UsageError(CiprovError):
    """The command was called wrongly: a bad option, name or combination. Nothing was done."""

    exit_code = USAGE
