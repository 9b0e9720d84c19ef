"""Job definitions from their files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ciprov.domain.jobs import Definitions, JobDefinition, Plugin
from ciprov.foundation.errors import CiprovError, UsageError

DEFAULT_PATH = "jobs"


class DefinitionsError(CiprovError):
    """The definitions cannot be used. All that is wrong is told at once."""


def read(paths: Sequence[str], plugins: Sequence[Plugin] | None = None) -> Definitions:
    """Definitions and findings; without paths those of the directory `jobs`. Raises `CiprovError` where the extra is
    not installed, `UsageError` where there is no file.
    """
    from ciprov.clients.job_builder.importing import require

    require()
    from ciprov.clients.job_builder.rendering import render

    if not paths and not Path(DEFAULT_PATH).is_dir():
        raise UsageError(f"there is no directory '{DEFAULT_PATH}' here", way_out="name files with job definitions")
    return render([Path(path) for path in paths or (DEFAULT_PATH,)], plugins)


def good(definitions: Definitions) -> tuple[JobDefinition, ...]:
    """The jobs. Raises `DefinitionsError` where anything is wrong."""
    errors = [str(finding) for finding in definitions.findings if finding.is_error]
    if errors:
        raise DefinitionsError("\n".join(errors))
    return definitions.jobs
