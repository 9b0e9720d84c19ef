"""What to do about a template that failed: what fits its cause, where what was said of it tells more."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ciprov.agents.record import Cause
from ciprov.agents.view.snapshot import Pause

_BY_CAUSE: Mapping[str, str] = {
    Cause.NODE_REFUSED: "correct its labels, or what ciprov's user may do in Jenkins",
    Cause.TOO_LARGE: "let it want less, correct its constraints or roles, or add a Mesos agent that can take it",
    Cause.NOT_LAUNCHED: "look at what the Mesos master says of its framework, roles and tasks",
    Cause.TASK_FAILED: (
        "correct its image, its URIs, its Java, its options or its mem; `ciprov agents logs {agent}` tells more"
    ),
    Cause.NOT_CONNECTED: "see whether its host reaches Jenkins, and what `ciprov agents logs {agent}` says",
}

_BY_WHAT_WAS_SAID: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), way_out)
    for pattern, way_out in (
        (
            r"exited with status 66\b",
            "see whether agent.jar comes from Jenkins's url without a login page before it; `ciprov agents logs "
            "{agent}` tells more",
        ),
        (r"exited with status 73\b", "correct its user or its work_dir"),
        (r"exited with status 77\b", "see whether its host reaches the service, which gives out the secret"),
        (r"exited with status 127\b", "correct its java, or take an image that has it"),
        (
            r"memory limit|LIMITATION_MEMORY|out of memory|exited with status 137\b|signal Killed",
            "give it more mem, or its Java less heap (jvm_options)",
        ),
        (r"disk usage .* exceeds|LIMITATION_DISK", "give it more disk"),
        (
            r"failed to fetch",
            "correct its uris, or see whether its host reaches them and Jenkins, from which agent.jar comes; `ciprov "
            "agents logs {agent}` tells more",
        ),
        (
            r"pull|manifest|registry|image .*not found|no such image",
            "correct its container's image, or let its host get it (registry, credentials)",
        ),
        (r"did not register", "load its image on the hosts beforehand: Mesos waits only so long for it"),
        (r"get user information|user '[^']*' does not exist", "correct its user"),
        (r"network", "correct its container's network"),
        (
            r"failed to (launch|create|run) container|CONTAINER_LAUNCH_FAILED",
            "correct its container, or what its host has for it",
        ),
        (
            r"exited with status \d",
            "correct its jvm_options or its arguments, or see whether its host reaches Jenkins; `ciprov agents logs "
            "{agent}` tells more",
        ),
    )
)
"""Of a task that failed. The first one counts."""


def way_out(pause: Pause) -> str:
    """In the imperative, about the template."""
    told = next(
        (told for said, told in _BY_WHAT_WAS_SAID if pause.cause == Cause.TASK_FAILED and said.search(pause.detail)),
        _BY_CAUSE.get(pause.cause, "look at what it says"),
    )
    return told.format(agent=pause.agent or "AGENT")
