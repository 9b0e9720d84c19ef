"""What the running embedded cluster tells of itself."""

from __future__ import annotations

import base64
import http.client
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ciprov.foundation.errors import CiprovError
from ciprov.localcluster.daemon.descriptor import Descriptor
from ciprov.wiring.localcluster import descriptor

PATH = "/ciprov/overview"
_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """`credential` is a secret: show it only where it was asked for as JSON or YAML.

    `agents` have id, hostname, cpus, mem, disk, ports and tasks; `counts` apps, running, staging, waiting,
    deployments, frameworks and framework_tasks; `problems` are sentences.
    """

    descriptor: Descriptor
    credential: str
    agents: list[dict[str, Any]]
    counts: dict[str, int]
    problems: list[str]


class Refused(Exception):
    """The cluster said no; the text says why."""


def status(state_dir: Path) -> ClusterStatus | None:
    """None where no cluster runs. Raises `CiprovError` where it runs but does not answer."""
    running = descriptor(state_dir)
    if running is None:
        return None
    try:
        told = ask(running, "GET", PATH)
        return ClusterStatus(running, _credential(running), told["agents"], told["counts"], told["problems"])
    except (Refused, KeyError, OSError) as error:
        raise _silent(running, error) from None


def ask(running: Descriptor, method: str, path: str) -> dict[str, Any]:
    """The answer to a request. Raises `Refused`, and `CiprovError` where none came that can be understood."""
    try:
        code, body = _request(running, method, path)
        told: dict[str, Any] = json.loads(body)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _silent(running, error) from None
    if code != http.client.OK:
        raise Refused(told.get("message", f"it answered {code}"))
    return told


def _silent(running: Descriptor, error: Exception) -> CiprovError:
    return CiprovError(
        f"the embedded cluster (pid {running.pid}) does not answer: {error}",
        place=running.marathon,
        way_out="see ciprov local logs, or stop it with ciprov local stop; tasks survive a restart",
    )


def _credential(running: Descriptor) -> str:
    return Path(running.credential_file).read_text().strip()


def _request(running: Descriptor, method: str, path: str) -> tuple[int, bytes]:
    # Not urllib: it would send the credential to a proxy where the environment names one.
    connection = http.client.HTTPConnection(urlsplit(running.marathon).netloc, timeout=_TIMEOUT_SECONDS)
    try:
        basic = base64.b64encode(f"{running.user}:{_credential(running)}".encode()).decode()
        connection.request(method, path, headers={"Authorization": f"Basic {basic}"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
