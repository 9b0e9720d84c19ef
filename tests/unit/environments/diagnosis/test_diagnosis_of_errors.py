"""Errors have kinds too, told and read back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import requests

from ciprov.clients.connection import Connection
from ciprov.clients.marathon.refusals import refusal, silence
from ciprov.domain.environment import LockHeld, LockHolder
from ciprov.domain.marathon import MarathonConflict, MarathonInvalid
from ciprov.environments.blueprint.findings import BlueprintError, Finding
from ciprov.environments.diagnosis.cause import Cause
from ciprov.environments.diagnosis.errors import conflict_cause, hook_failed
from ciprov.environments.diagnosis.kinds import Kind
from ciprov.environments.diagnosis.report import Diagnosis, diagnoses_of, read_back
from ciprov.environments.plan import Conflict, Plan
from ciprov.environments.results import PlanConflict
from ciprov.environments.waiting import NotReady, StillThere
from ciprov.environments.writing import ForeignDeployment
from ciprov.foundation.errors import CiprovError

NOW = datetime(2030, 1, 1, tzinfo=UTC)
GET = "GET http://marathon:8080/v2/info"
SERVER = Connection("staging", ["http://marathon:8080"])
HOLDER = LockHolder("env/local/x", "1", "sam@ci-7, pid 12, env up", NOW, NOW)


def finding(file: str) -> Finding:
    return Finding(file, 1, 1, "replicas", "9 does not fit", "1 to 5")


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (refusal(401, "Unauthorized", "", GET), "wrong-credentials", "401"),
        (refusal(403, "Forbidden", '{"message": "Not Authorized to perform this action!"}', GET), "not-allowed", "403"),
        # Marathon's LeaderProxyFilter, as JSON and as the page of its web server.
        (
            refusal(503, "", '{"message": "Could not determine the current leader"}', GET),
            "no-leader",
            "current leader",
        ),
        (refusal(503, "Could not determine the current leader", "<html>", GET), "no-leader", "current leader"),
        (refusal(502, "Bad Gateway", "<html>", GET), "marathon-unreachable", "502"),
        (silence(requests.exceptions.ReadTimeout(), GET, SERVER), "marathon-unreachable", "no answer within 30 s"),
        (silence(requests.exceptions.SSLError("self-signed"), GET, SERVER), "tls-error", "no trust"),
        (MarathonInvalid("Object is not valid\n  /id: bad"), "marathon-refused", "not valid"),
        (MarathonConflict("App is locked", deployment_ids=["d1"]), "locked", "locked"),
        (ForeignDeployment("put the group: still locked by deployment d1", status=409), "locked", "d1"),
        (LockHeld(HOLDER), "locked", "sam@ci-7, pid 12"),
        (BlueprintError([finding("shop.yaml")]), "blueprint-error", "shop.yaml:1:1"),
        (BlueprintError([finding("--param")]), "parameter-error", "9 does not fit (allowed: 1 to 5)"),
        (BlueprintError([finding("$CIPROV_PARAM_REPLICAS")]), "parameter-error", "1 to 5"),
        (BlueprintError([finding("--param"), finding("shop.yaml")]), "blueprint-error", ""),
        (StillThere("tasks of /e/a did not end within 63 s"), "tasks-linger", "63 s"),
        (CiprovError("who knows"), "unknown", "who knows"),
    ],
)
def test_kinds_of_errors(error: CiprovError, kind: str, words: str) -> None:
    (found,) = diagnoses_of(error, "/e")
    assert found.kind == kind
    assert words in found.main.text
    assert found.app_id == "/e"
    assert found.main.way_out or kind == "unknown"


def test_a_hook_that_failed() -> None:
    cause = hook_failed("after_up seed", "exit status 3", "one\nno such table\n")
    error = NotReady((Diagnosis("/e", "", (cause,)),))
    (found,) = diagnoses_of(error, "/e")
    assert found.kind is Kind.HOOK_FAILED
    assert "hook after_up seed failed: exit status 3" in str(error)
    assert "no such table" in str(error)


@pytest.mark.parametrize(
    ("conflict", "kind"),
    [
        (
            Conflict("/e/a", 80, "", "it needs host port 80, which no agent offers", "x", offered=False),
            "port-not-offered",
        ),
        (Conflict("/e/a", 31500, "/o/b", "which /o/b holds", "x"), "port-held"),
        (Conflict("/e/a", 31500, "", "which another task on h has at the moment", "x"), "port-held"),
        (Conflict("/e/a", 31500, "/e/a", "its 3 instances all need it", "x"), "port-conflict"),
        (Conflict("/e/a", 0, "/e/a", "its volumes changed", "x"), "marathon-refused"),
    ],
)
def test_what_a_plan_runs_into(conflict: Conflict, kind: str) -> None:
    assert conflict_cause(conflict).kind == kind
    error = PlanConflict(Plan("x", "/e", apps=(), conflicts=(conflict,)))
    assert [one.kind for one in diagnoses_of(error, "/e")] == [kind]


@pytest.mark.parametrize(
    "diagnosis",
    [
        Diagnosis("/e/a", "", (Cause(Kind.PORT_HELD, "host port 1 is held: [by] /o/b", ("queue: x", "in use on h")),)),
        Diagnosis("/e/a", "not ready", (Cause(Kind.CRASH_LOOP, "not ready"), Cause(Kind.BACK_OFF, "back-off [x] 3 s"))),
        Diagnosis("/e", "", (Cause(Kind.LOCKED, "locked", advice="ask sam"),), stderr="one\n  two"),
    ],
)
def test_what_is_recorded_is_read_back(diagnosis: Diagnosis) -> None:
    (back,) = read_back(f"something before\n{diagnosis}")
    assert (back.app_id, back.causes, back.stderr) == (diagnosis.app_id, diagnosis.causes, diagnosis.stderr)
    assert read_back(f"{diagnosis}\n{diagnosis}") == (back, back)


def test_a_text_of_an_earlier_release_gives_no_diagnoses() -> None:
    assert read_back("/e/a: its tasks failed 4 times in a row\n  last failure: exit 3\n/e/b: [not-a-kind]") == ()
