"""The embedded cluster's HTTP API, put together."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from ciprov.localcluster.api import answers, app_changes, apps, deployments, groups, queue, system, tasks
from ciprov.localcluster.api.guard import Guard
from ciprov.localcluster.api.port import Engine, Locked
from ciprov.localcluster.api.wrapping import Wrapping
from ciprov.localcluster.definitions.errors import Refused


def create_app(engine: Engine, credential: str, address: str, *, more: Sequence[BaseRoute] = ()) -> Starlette:
    """The application behind `address` (`host:port`); `credential` is the password of user `ciprov`.

    `more` are the routes of other rooms: events, agents, sandboxes.
    """
    return Starlette(
        routes=[
            *more,
            # Tasks first: an app's id may have any elements, and `/tasks` behind it is none of them.
            *tasks.routes(engine),
            *apps.routes(engine),
            *app_changes.routes(engine),
            *groups.routes(engine),
            *deployments.routes(engine),
            *queue.routes(engine),
            *system.routes(engine, address),
        ],
        middleware=[Middleware(Wrapping, leader=f"http://{address}"), Middleware(Guard, credential=credential)],
        exception_handlers={
            Refused: answers.refused,
            Locked: answers.locked,
            404: answers.not_routed,
            405: answers.wrong_method,
            Exception: answers.broken,
        },
    )
