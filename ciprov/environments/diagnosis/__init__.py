"""Why an app, or an operation, failed: evidence in, ranked causes out. Pure but for `diagnose`, which reads stderr."""

from ciprov.environments.diagnosis.ends_of_tasks import explain_failure
from ciprov.environments.diagnosis.report import Diagnosis

__all__ = ["Diagnosis", "explain_failure"]
