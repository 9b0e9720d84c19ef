"""Marathon's answers that are no success, as facts of its HTTP API give them."""

from __future__ import annotations

import json

import pytest

from ciprov.clients.connection import Connection, Credentials, is_loopback
from ciprov.clients.marathon.refusals import refusal
from ciprov.domain.marathon import (
    MarathonConflict,
    MarathonDenied,
    MarathonError,
    MarathonInvalid,
    MarathonNotFound,
    MarathonUnavailable,
)

PLACE = "PUT https://m:8443/v2/groups/ciprov/x"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, MarathonError),
        (400, MarathonInvalid),
        (401, MarathonDenied),
        (403, MarathonDenied),
        (409, MarathonConflict),
        (418, MarathonError),
        (422, MarathonInvalid),
        (500, MarathonUnavailable),
        (503, MarathonUnavailable),
    ],
)
@pytest.mark.parametrize("body", ["", "<html>", "[]", "null", '{"message": null}', '{"message": "so it is"}'])
def test_every_status_becomes_its_error_whatever_the_body_is(status: int, kind: type, body: str) -> None:
    error = refusal(status, "Reason", body, PLACE)
    assert type(error) is kind
    assert error.status == status
    assert str(error).startswith(PLACE)


def test_only_marathon_itself_can_say_that_something_is_not_there() -> None:
    assert type(refusal(404, "Not Found", '{"message": "Group \'/x\' does not exist"}', PLACE)) is MarathonNotFound
    for body in ("", "<html>", "[]"):
        assert type(refusal(404, "Not Found", body, PLACE)) is MarathonError


def test_a_locked_app_names_the_deployments_that_hold_it() -> None:
    body = {"message": "App is locked by one or more deployments. Override with the option '?force=true'."}
    error = refusal(409, "", json.dumps(body | {"deployments": [{"id": "d1"}, {"id": "d2"}]}), PLACE)
    assert isinstance(error, MarathonConflict)
    assert error.deployment_ids == ("d1", "d2")


def test_rule_violations_are_listed_with_their_paths() -> None:
    body = {
        "message": "Object is not valid",
        "details": [{"path": "/upgradeStrategy/minimumHealthCapacity", "errors": ["is too big", "is odd"]}],
    }
    error = refusal(422, "", json.dumps(body), PLACE)
    assert isinstance(error, MarathonInvalid)
    assert error.details == (
        ("/upgradeStrategy/minimumHealthCapacity", "is too big"),
        ("/upgradeStrategy/minimumHealthCapacity", "is odd"),
    )
    assert "/upgradeStrategy/minimumHealthCapacity: is odd" in str(error)


def test_details_of_a_400_are_a_text() -> None:
    error = refusal(400, "", '{"message": "Invalid JSON", "details": "at line 1"}', PLACE)
    assert isinstance(error, MarathonInvalid)
    assert error.details == (("", "at line 1"),)


def test_a_write_of_unknown_fate_says_to_look_first() -> None:
    assert "unknown" in refusal(503, "", "", PLACE).way_out
    assert "unknown" not in refusal(503, "", "", "GET https://m/v2/info").way_out


class Request:
    def __init__(self) -> None:
        self.headers: dict[str, str] = {}


@pytest.mark.parametrize(
    ("connection", "header"),
    [
        (Connection("c", ["http://m"], user="ann", password="pä€"), "Basic YW5uOnDDpOKCrA=="),
        (Connection("c", ["http://m"], token="t0k3n"), "token=t0k3n"),
        (Connection("c", ["http://m"]), None),
    ],
)
def test_credentials(connection: Connection, header: str | None) -> None:
    request = Request()
    Credentials(connection)(request)  # type: ignore[arg-type]
    assert request.headers.get("Authorization") == header
    assert "t0k3n" not in repr(connection)
    assert "pä€" not in repr(connection)


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.4.5.1:8080", True),
        ("http://[::1]/x", True),
        ("http://localhost", True),
        ("http://m.example", False),
    ],
)
def test_loopback(url: str, loopback: bool) -> None:
    assert is_loopback(url) is loopback
