"""`/v2/queue`: what waits for launch, why, and the end of its delay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ciprov.localcluster.api.agents import free_resources
from ciprov.localcluster.api.answers import Json, path_id
from ciprov.localcluster.api.offers import unused_offers
from ciprov.localcluster.api.port import Engine, QueueEntry
from ciprov.localcluster.definitions.errors import NotFound
from ciprov.localcluster.definitions.render import render_app
from ciprov.localcluster.timestamps import timestamp


def routes(engine: Engine) -> list[Route]:
    async def listing(request: Request) -> Response:
        with_offers = "lastUnusedOffers" in request.query_params.getlist("embed")
        free = free_resources(engine) if with_offers else {}
        queue = []
        for entry in engine.queue():
            item = shown(entry)
            if with_offers:
                at = entry.last_unused_at or entry.since
                item["lastUnusedOffers"] = unused_offers(entry.refusals, engine.agents, free, at)
            queue.append(item)
        return Json({"queue": queue})

    async def reset_delay(request: Request) -> Response:
        app_id = path_id(request)
        if not engine.reset_delay(app_id):
            raise NotFound(f"Application {app_id} not found in tasks queue.")
        return Response(status_code=204)

    return [
        Route("/v2/queue", listing, methods=["GET"]),
        Route("/v2/queue/{id:path}/delay", reset_delay, methods=["DELETE"]),
    ]


def shown(entry: QueueEntry) -> dict[str, Any]:
    summary: dict[str, Any] = {
        "processedOffersCount": entry.processed,
        "unusedOffersCount": entry.unused,
        "rejectSummaryLastOffers": _funnel(entry.rejects_last),
        "rejectSummaryLaunchAttempt": _funnel(entry.rejects_attempt),
    }
    for name, moment in (("lastUnusedOfferAt", entry.last_unused_at), ("lastUsedOfferAt", entry.last_used_at)):
        if moment is not None:
            summary[name] = timestamp(moment)
    return {
        "count": entry.count,
        "role": entry.app.role,
        "delay": {"timeLeftSeconds": max(0, round(entry.delay_seconds)), "overdue": entry.overdue},
        "since": timestamp(entry.since),
        "processedOffersSummary": summary,
        "app": render_app(entry.app),
    }


def _funnel(rejects: Sequence[tuple[str, int, int]]) -> list[dict[str, Any]]:
    return [{"reason": reason, "declined": declined, "processed": processed} for reason, declined, processed in rejects]
