"""UPDATE_FRAMEWORK. Fact: "Calls answer 202 with an empty body (UPDATE_FRAMEWORK: 200)"; texts seen on Mesos 1.11."""

from __future__ import annotations

import time
from typing import Any

import pytest
from plain_mesos import Answer, Place
from plain_scheduler import Scheduler

AGENTS = 2


def update(scheduler: Scheduler, more: dict[str, Any] | None = None, **fields: Any) -> Answer:
    """`fields` replace those with which it subscribed; `more` goes beside the FrameworkInfo."""
    info = {**scheduler.info, "id": {"value": scheduler.framework_id}, **fields}
    return scheduler.call("UPDATE_FRAMEWORK", update_framework={"framework_info": info, **(more or {})})


def test_what_may_change(scheduler: Scheduler, master: Place) -> None:
    answer = update(scheduler, name="renamed", roles=["ci", "more"], failover_timeout=3.0)
    assert (answer.status, answer.body) == (200, b"")
    known = master.framework(scheduler.framework_id)
    assert (known["name"], sorted(known["roles"]), known["failover_timeout"]) == ("renamed", ["ci", "more"], 3.0)
    scheduler.revive()


def test_offers_to_a_role_that_goes_are_taken_back(scheduler: Scheduler) -> None:
    before = {offer["id"]["value"] for offer in scheduler.offers_of_all(AGENTS)}
    assert update(scheduler, roles=["other"]).status == 200
    taken = {scheduler.wait_for("RESCIND")["rescind"]["offer_id"]["value"] for _ in before}
    assert taken == before
    assert {offer["allocation_info"]["role"] for offer in scheduler.offers_of_all(AGENTS)} == {"other"}


def test_roles_may_be_suppressed(scheduler: Scheduler) -> None:
    offers = scheduler.offers_of_all(AGENTS)
    assert update(scheduler, {"suppressed_roles": ["ci"]}).status == 200
    scheduler.decline(offers, 0)
    told = time.monotonic()
    while time.monotonic() - told < 0.5:  # several rounds
        scheduler.heard_all()
    assert scheduler.offers == {}
    scheduler.revive()
    scheduler.offers_of_all(AGENTS)


@pytest.mark.parametrize(
    ("fields", "more", "text"),
    [
        (
            {"user": "nobody"},
            {},
            "FrameworkInfo update is not valid: Updating 'FrameworkInfo.user' is unsupported; "
            "attempted to update from 'root' to 'nobody'",
        ),
        (
            {"checkpoint": False},
            {},
            "FrameworkInfo update is not valid: Updating 'FrameworkInfo.checkpoint' is unsupported; "
            "attempted to update from 'true' to 'false'",
        ),
        (
            {"roles": ["ci", "ci"]},
            {},
            "Supplied FrameworkInfo is not valid: 'FrameworkInfo.roles' contains duplicate items: { ci }",
        ),
        (
            {},
            {"suppressed_roles": ["three"]},
            "Supplied FrameworkInfo is not valid: Suppressed role 'three' is not contained in the list of roles",
        ),
        (
            {"id": {"value": "another"}},
            {},
            "Failed to validate scheduler::Call: 'framework_id' differs from 'update_framework.framework_info.id'",
        ),
    ],
)
def test_what_may_not(
    scheduler: Scheduler, master: Place, fields: dict[str, Any], more: dict[str, Any], text: str
) -> None:
    """Nothing changes then."""
    before = master.framework(scheduler.framework_id)
    answer = update(scheduler, more, name="renamed", **fields)
    assert (answer.status, answer.text) == (400, text)
    after = master.framework(scheduler.framework_id)
    assert [after[name] for name in ("name", "user", "roles")] == [before[name] for name in ("name", "user", "roles")]
