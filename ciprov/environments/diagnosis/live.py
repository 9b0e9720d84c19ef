"""What is wrong with an environment right now, for its status: looked at once, without waiting."""

from __future__ import annotations

from collections.abc import Mapping

from ciprov.environments.diagnosis.cause import Cause
from ciprov.environments.diagnosis.kinds import Kind
from ciprov.environments.diagnosis.placement import Surroundings, placement_causes
from ciprov.environments.diagnosis.report import Diagnosis
from ciprov.environments.ports import Agents, Marathon
from ciprov.foundation.json import JsonObject


def surroundings(agents: Agents, queued: Mapping[str, JsonObject]) -> Surroundings:
    """The agents are asked for only where something waits for them: in a large cluster they are many."""
    return Surroundings(agents.agents() if queued else None)


def live_diagnosis(
    app: JsonObject, found: tuple[Cause, ...], queued: JsonObject | None, marathon: Marathon, around: Surroundings
) -> Diagnosis | None:
    """Of an app that is not ready. None where nothing is known to be wrong with it."""
    telling = tuple(cause for cause in found if cause.kind is not Kind.NO_OFFERS) or found
    if not telling:
        return None
    if telling[0].kind is Kind.PORT_HELD and queued is not None:
        named = placement_causes(app, queued, Surroundings(around.slaves, marathon.apps()))
        telling = (*(cause for cause in named if cause.kind is Kind.PORT_HELD), *telling[1:])
    return Diagnosis(str(app.get("id", "")), "", telling)
