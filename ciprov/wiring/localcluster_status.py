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

    `agents` have id, hostname, cpus, mem, disk, ports and tasks; `counts` apps, running, staging, waiting and
    deployments; `problems` are sentences.
    """

    descriptor: Descriptor
    credential: str
    agents: list[dict[str, Any]]
    counts: dict[str, int]
    problems: list[str]


def status(state_dir: Path) -> ClusterStatus | None:
    """None where no cluster runs. Raises `CiprovError` where it runs but does not answer."""
    running = descriptor(state_dir)
    if running is None:
        return None
    try:
        credential = Path(running.credential_file).read_text().strip()
        told = _ask(running, credential)
        return ClusterStatus(running, credential, told["agents"], told["counts"], told["problems"])
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        raise CiprovError(
            f"the embedded cluster (pid {running.pid}) does not answer: {error}",
            place=running.marathon,
            way_out="see ciprov local logs, or stop it with ciprov local stop; tasks survive a restart",
        ) from None


def _ask(running: Descriptor, credential: str) -> dict[str, Any]:
    # Not urllib: it would send the credential to a proxy where the environment names one.
    connection = http.client.HTTPConnection(urlsplit(running.marathon).netloc, timeout=_TIMEOUT_SECONDS)
    try:
        basic = base64.b64encode(f"{running.user}:{credential}".encode()).decode()
        connection.request("GET", PATH, headers={"Authorization": f"Basic {basic}"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != http.client.OK:
            raise ValueError(f"it answered {answer.status} {answer.reason}")
    finally:
        connection.close()
    told: dict[str, Any] = json.loads(body)
    return told
