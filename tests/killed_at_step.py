"""`ciprov`, killed by -9 the moment it has recorded that it begins step N: `python killed_at_step.py N ARGUMENTS…`."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from ciprov.cli.main import run
from ciprov.domain.environment import EnvironmentRecord
from ciprov.wiring import environments


class KillingStore:
    """The real store, which ends its process in the middle of its work."""

    def __init__(self, store: Any, step: int) -> None:
        self._store = store
        self._step = step

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def save(self, record: EnvironmentRecord) -> EnvironmentRecord:
        saved: EnvironmentRecord = self._store.save(record)
        if record.operation is not None and record.operation.number == self._step:
            os.kill(os.getpid(), signal.SIGKILL)
        return saved


def main() -> None:
    step, opened = int(sys.argv.pop(1)), environments.open_store
    environments.open_store = lambda settings: KillingStore(opened(settings), step)  # type: ignore[assignment,return-value]
    run()


if __name__ == "__main__":
    main()
