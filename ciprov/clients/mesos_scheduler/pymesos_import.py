"""Imports pymesos without what it does to the process: it would take SIGINT over, fail off the main thread, and write
its log to stderr.
"""

from __future__ import annotations

import importlib
import logging
import signal
import threading
from typing import Any

_turn = threading.Lock()


def import_pymesos() -> Any:
    """The package, with its modules `scheduler` and `process`."""
    with _turn:
        ordinary: Any = signal.signal

        def all_but_those_of_pymesos(number: int, handler: Any) -> Any:
            if getattr(handler, "__module__", "") == "pymesos.process":
                return signal.getsignal(number)
            return ordinary(number, handler)

        # Only for the time of the import, and harmless to whoever else sets a handler meanwhile.
        setattr(signal, "signal", all_but_those_of_pymesos)  # noqa: B010
        try:
            module = importlib.import_module("pymesos")
        finally:
            setattr(signal, "signal", ordinary)  # noqa: B010
        log = logging.getLogger("pymesos")
        log.handlers = [handler for handler in log.handlers if type(handler) is not logging.StreamHandler]
        # It logs what it fails to send, secrets of tasks included. All there is to tell, the driver tells as events.
        log.setLevel(logging.CRITICAL + 1)
        return module


pymesos = import_pymesos()
scheduler_module = pymesos.scheduler
process_module = pymesos.process
