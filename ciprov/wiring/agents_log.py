"""The agent service's log: written by a thread of its own, so that whoever reads it slowly stops nothing."""

from __future__ import annotations

import contextlib
import queue
import threading
from datetime import datetime
from typing import TextIO

from ciprov.agents.happenings import Happening, Severity, Tell, What
from ciprov.agents.log_lines import LogFormat, Repeats, line
from ciprov.foundation.clock import utc_now

_WAITING_LINES = 10_000
_CLOSE_S = 2.0


class LogWriter:
    """`tell` is a `Tell`. What does not fit into the queue is counted, and the count is told."""

    def __init__(self, stream: TextIO, form: LogFormat) -> None:
        self._stream = stream
        self._form = form
        self._waiting: queue.Queue[tuple[datetime, Happening] | None] = queue.Queue(_WAITING_LINES)
        self._lost = 0
        self._thread = threading.Thread(target=self._run, name="agents-log", daemon=True)
        self._thread.start()

    def tell(self, happening: Happening) -> None:
        try:
            self._waiting.put_nowait((utc_now(), happening))
        except queue.Full:
            self._lost += 1

    def close(self) -> None:
        """Write what waits, within 2 s."""
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

    def _write(self, text: str) -> None:
        # A log that nobody reads any more ends no service.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(f"{text}\n")
            self._stream.flush()


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
