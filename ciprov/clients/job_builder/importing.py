"""Whether jenkins-job-builder is there, and quiet."""

from __future__ import annotations

import logging
import warnings

from ciprov.foundation.errors import CiprovError


def require() -> None:
    """Raises `CiprovError` that names the extra."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pkg_resources announces its own end
        try:
            import jenkins_jobs.registry  # noqa: F401
        except ImportError as error:
            missing = error.name or "jenkins_jobs"
            lacks = "jenkins-job-builder" if missing.startswith("jenkins_jobs") else missing
            raise CiprovError(
                f"job definitions need {lacks}, which is not installed",
                way_out="install ciprov with its extra: pip install 'ciprov[jobs]', or in a clone: "
                "pip install ./shims/http-parser '.[jobs]'",
            ) from error
    # What it has to say is told as findings.
    for name in ("jenkins_jobs", "stevedore"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
