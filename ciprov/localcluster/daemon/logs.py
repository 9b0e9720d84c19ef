"""The daemon's log: bounded, and the place for everything that is printed too."""

from __future__ import annotations

import logging
import logging.handlers
import os
import time
from pathlib import Path

LIMIT_BYTES = 5 * 1024**2
KEPT = 2


class _Rotating(logging.handlers.RotatingFileHandler):
    """Moves stdout and stderr along to the new file, or they would fill the old one for ever."""

    def doRollover(self) -> None:
        super().doRollover()
        self.take_stdio()

    def take_stdio(self) -> None:
        if self.stream is not None:
            for descriptor in (1, 2):
                os.dup2(self.stream.fileno(), descriptor)


def set_up(path: Path) -> None:
    """Log to `path` from now on. Levels: our own from INFO, others' from WARNING."""
    handler = _Rotating(path, maxBytes=LIMIT_BYTES, backupCount=KEPT, encoding="utf-8")
    handler.take_stdio()
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("ciprov").setLevel(logging.INFO)
