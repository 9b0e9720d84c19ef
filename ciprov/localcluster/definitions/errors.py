"""What the embedded cluster refuses, in Marathon's words. Each error knows the HTTP status that Marathon answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Violation:
    """One broken rule at one place, e.g. `/upgradeStrategy/minimumHealthCapacity` or `/apps(0)/id`."""

    path: str
    error: str

    def below(self, prefix: str) -> Violation:
        """The same violation seen from an enclosing object."""
        return Violation(prefix if self.path == "/" else prefix + self.path, self.error)


class Refused(Exception):
    """A request that the cluster refuses. `body` is the JSON answer."""

    status = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def body(self) -> dict[str, object]:
        return {"message": self.message}


class BadRequest(Refused):
    """The request cannot be read at all; `details` is one text."""

    status = 400

    def __init__(self, message: str, details: str | None = None) -> None:
        super().__init__(message)
        self.details = details

    @property
    def body(self) -> dict[str, object]:
        return {"message": self.message} if self.details is None else {"message": self.message, "details": self.details}


class TooLong(Refused):
    """A body of more bytes than are read."""

    status = 413

    def __init__(self, limit: int) -> None:
        super().__init__(f"The request's body is longer than {limit} bytes; send it in several requests")


class UnsupportedMediaType(Refused):
    """A body that is said to be something else than JSON."""

    status = 415

    def __init__(self, kind: str) -> None:
        super().__init__(f"Unsupported Media Type: {kind}; send Content-Type: application/json")


class _Detailed(Refused):
    status = 422
    headline = ""

    def __init__(self, violations: Iterable[Violation]) -> None:
        self.violations: Sequence[Violation] = tuple(dict.fromkeys(violations))
        super().__init__(self.headline)

    def __str__(self) -> str:
        return f"{self.headline}: " + "; ".join(f"{item.path}: {item.error}" for item in self.violations)

    @property
    def body(self) -> dict[str, object]:
        by_path: dict[str, list[str]] = {}
        for item in self.violations:
            by_path.setdefault(item.path, []).append(item.error)
        details = [{"path": path, "errors": errors} for path, errors in by_path.items()]
        return {"message": self.headline, "details": details}


class InvalidJson(_Detailed):
    """A value of the wrong type or out of its range, or a missing field."""

    headline = "Invalid JSON"


class InvalidObject(_Detailed):
    """Every value is possible by itself, but a rule is broken."""

    headline = "Object is not valid"


class Unprocessable(Refused):
    """A request that makes no sense, without a place to point at."""

    status = 422


class NotFound(Refused):
    status = 404

    @classmethod
    def app(cls, app_id: str) -> NotFound:
        return cls(f"App '{app_id}' does not exist")

    @classmethod
    def app_in_version(cls, app_id: str, version: str) -> NotFound:
        return cls(f"App '{app_id}' does not exist in version {version}")

    @classmethod
    def group(cls, group_id: str) -> NotFound:
        return cls(f"Group '{group_id}' does not exist")

    @classmethod
    def group_in_version(cls, group_id: str, version: str) -> NotFound:
        return cls(f"Group '{group_id}' does not exist in version {version}")

    @classmethod
    def task(cls, task_id: str) -> NotFound:
        return cls(f"Task '{task_id}' does not exist")

    @classmethod
    def deployment(cls, deployment_id: str) -> NotFound:
        return cls(f"DeploymentPlan {deployment_id} does not exist")


class Exists(Refused):
    """Something of this id is there already."""

    status = 409


class LockedByDeployments(Refused):
    """The change touches apps under deployment."""

    status = 409

    def __init__(self, deployment_ids: Iterable[str]) -> None:
        self.deployment_ids = tuple(deployment_ids)
        super().__init__(
            "App is locked by one or more deployments. Wait for them, or override them with the option '?force=true': "
            + ", ".join(self.deployment_ids)
        )

    @property
    def body(self) -> dict[str, object]:
        return {"message": self.message, "deployments": [{"id": item} for item in self.deployment_ids]}


class Unavailable(Refused):
    """The cluster cannot serve: it is about to stop."""

    status = 503


class TooManyDeployments(Refused):
    """As many deployments run as are allowed at once."""

    status = 403

    def __init__(self, most: int) -> None:
        super().__init__(
            f"{most} deployments are running, and no more are allowed at once; wait until one of them has ended, "
            "or cancel one by DELETE /v2/deployments/<id>"
        )


class PortRangeExhausted(Unprocessable):
    """No automatic service port is left."""
