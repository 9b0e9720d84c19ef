"""The agent service's log: written by a thread of its own, so that whoever reads it slowly stops nothing.

What libraries warn of and what ends a thread goes there too, in the same form.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import traceback
from datetime import datetime
from typing import TextIO

from ciprov.agents.view.happenings import Happening, Severity, Tell, What
from ciprov.agents.view.log_lines import LogFormat, Repeats, line
from ciprov.foundation.clock import utc_now

_WAITING_LINES = 10_000
_CLOSE_S = 2.0


class LogWriter:
    """`tell` is a `Tell`. What does not fit into the queue is counted, and the count is told.

    Until `close` it takes over the warnings of this process's `logging`.
    """

    def __init__(self, stream: TextIO, form: LogFormat) -> None:
        self._stream = stream
        self._form = form
        self._waiting: queue.Queue[tuple[datetime, Happening] | None] = queue.Queue(_WAITING_LINES)
        self._lost = 0
        self._thread = threading.Thread(target=self._run, name="agents-log", daemon=True)
        self._thread.start()
        self._warnings = _Warnings(self.tell)
        logging.getLogger().addHandler(self._warnings)
        self._hook_before, threading.excepthook = threading.excepthook, self._thread_ended

    def tell(self, happening: Happening) -> None:
        try:
            self._waiting.put_nowait((utc_now(), happening))
        except queue.Full:
            self._lost += 1

    def close(self) -> None:
        """Write what waits, within 2 s."""
        threading.excepthook = self._hook_before
        logging.getLogger().removeHandler(self._warnings)
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=_CLOSE_S)
        self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        repeats = Repeats()
        while (found := self._waiting.get()) is not None:
            at, happening = found
            if self._lost:
                lost, self._lost = self._lost, 0
                text = f"{lost} lines of this log were lost: it was read too slowly"
                self._write(line(Happening(What.FAULT, text, Severity.WARNING), at, self._form))
            held_back = repeats.admit(happening, at)
            if held_back is not None:
                self._write(line(happening, at, self._form, held_back))

    def _thread_ended(self, found: threading.ExceptHookArgs) -> None:
        who = found.thread.name if found.thread is not None else "a thread"
        where = "".join(traceback.format_exception(found.exc_type, found.exc_value, found.exc_traceback))
        self.tell(Happening(What.FAULT, f"thread {who} ended: {where.rstrip()}", Severity.ERROR))

    def _write(self, text: str) -> None:
        # A log that nobody reads any more ends no service.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(f"{text}\n")
            self._stream.flush()


class _Warnings(logging.Handler):
    def __init__(self, tell: Tell) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        severity = Severity.ERROR if record.levelno >= logging.ERROR else Severity.WARNING
        self._tell(Happening(What.FAULT, f"{record.name}: {self.format(record)}", severity))


def told_to(*sinks: Tell) -> Tell:
    """One that tells all of them. A fault in one is the others' to tell, and nobody else's."""

    def tell(happening: Happening) -> None:
        for sink in sinks:
            try:
                sink(happening)
            except Exception as error:
                fault = Happening(What.FAULT, f"a sink failed: {type(error).__name__}: {error}", Severity.ERROR)
                for other in sinks:
                    if other is not sink:
                        with contextlib.suppress(Exception):
                            other(fault)

    return tell
