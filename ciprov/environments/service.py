"""The operations on environments: the only way in for the command line.

desired + live + record ──▶ plan ──▶ steps ──▶ apply ──▶ status, endpoints
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ciprov.domain.environment import EnvironmentRecord
from ciprov.environments.context import Context
from ciprov.environments.plan import Plan
from ciprov.environments.ports import Agents, Marathon, Store
from ciprov.environments.progress import Progress
from ciprov.environments.results import DownOptions, DownResult, UpOptions, UpResult
from ciprov.environments.status import EnvironmentStatus, EnvironmentSummary

if TYPE_CHECKING:
    from ciprov.environments.desired import Desired

Report = Callable[[Progress], None]
Build = Callable[[EnvironmentRecord | None, frozenset[int]], "Desired"]
"""Makes the desired state from the record (None: no such environment yet) and the ports that others have taken.

It allocates the service ports that the record lacks, and is called while the cluster's ports are locked, so that two
operations cannot allocate the same ones.
"""


class EnvironmentService:
    """All calls raise `CiprovError`s, among them those of `ciprov.domain.marathon` and `ciprov.domain.environment`."""

    def __init__(self, marathon: Marathon, agents: Agents, store: Store, context: Context) -> None:
        self._marathon = marathon
        self._agents = agents
        self._store = store
        self._context = context

    def record(self, name: str) -> EnvironmentRecord | None: ...

    def plan(self, name: str, build: Build) -> Plan:
        """Reads only. Conflicts are part of the plan, not raised."""

    def up(self, name: str, build: Build, options: UpOptions, report: Report) -> UpResult:
        """Raises `PlanConflict`, `UpFailed`, `Interrupted` or `LockHeld`."""

    def down(self, name: str, group_path: str, options: DownOptions, report: Report) -> DownResult:
        """`group_path` is where the environment would be if no record tells. Raises `Interrupted` or `LockHeld`."""

    def status(self, name: str) -> EnvironmentStatus:
        """Raises `NoSuchEnvironment`."""

    def list(self) -> tuple[EnvironmentSummary, ...]: ...
