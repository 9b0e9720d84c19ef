"""`/metrics`, on either listener."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from ciprov.agents.view.control import Control
from ciprov.agents.view.snapshot import Snapshot

Exposition = Callable[[Snapshot], bytes]
"""Metrics in Prometheus's text form: what was counted, and what the snapshot shows."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposed(control: Control, metrics: Exposition) -> Callable[[Request], Response]:
    def expose(_: Request) -> Response:
        return Response(metrics(control.snapshot()), headers={"Content-Type": CONTENT_TYPE})

    return expose
