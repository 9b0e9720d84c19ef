"""Marathon's answers that are no success, as facts of its HTTP API give them."""

from __future__ import annotations

import json
import ssl

import pytest
import requests

from ciprov.clients.connection import Connection, Credentials, is_loopback
from ciprov.clients.marathon.redirects import is_configured, is_downgrade, next_hop
from ciprov.clients.marathon.refusals import refusal, silence
from ciprov.domain.marathon import (
    MarathonConflict,
    MarathonDenied,
    MarathonError,
    MarathonInvalid,
    MarathonNotFound,
    MarathonUnavailable,
    MarathonUntrusted,
)
from ciprov.foundation.errors import CiprovError

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


def verification(code: int) -> ssl.SSLError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "it is not good"
    return error


def reason(text: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {text}]")
    error.reason = text
    return error


class Request:
    def __init__(self) -> None:
        self.headers: dict[str, str] = {}


@pytest.mark.parametrize(
    ("connection", "header"),
    [
        (Connection("c", ["http://m"], user="ann", password="pä€"), "Basic YW5uOnDDpOKCrA=="),
        (Connection("c", ["http://m"], token="t0k3n"), "token=t0k3n"),
        (Connection("c", ["http://m"], token="Bearer t0k3n"), "Bearer t0k3n"),
        (Connection("c", ["http://m"], token="t0k3n-€"), "token=t0k3n-€".encode().decode("latin-1")),
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


def test_a_token_of_several_lines_is_refused_without_being_shown() -> None:
    with pytest.raises(CiprovError, match="line break") as told:
        Connection("c", ["http://m"], token="t0k3n\nX-Header: y")
    assert "t0k3n" not in str(told.value)


@pytest.mark.parametrize(
    ("status", "location", "onward"),
    [
        (307, "http://leader:8080/v2/apps?force=true", "http://leader:8080/v2/apps?force=true"),
        (308, "//leader:8080/v2/apps", "https://leader:8080/v2/apps"),
        (307, "/v2/apps", "https://m/v2/apps"),
        (307, "", ""),
        (301, "http://leader:8080/", ""),
        (302, "http://leader:8080/", ""),  # may turn a write into a read
        (303, "http://leader:8080/", ""),
        (200, "http://leader:8080/", ""),
    ],
)
def test_where_a_redirect_leads(status: int, location: str, onward: str) -> None:
    response = requests.Response()
    response.status_code, response.url = status, "https://m/prefix/v2/apps"
    response.headers["Location"] = location
    assert next_hop(response) == onward


@pytest.mark.parametrize(
    ("url", "configured"),
    [
        ("https://m/v2/apps", True),
        ("https://M:443/other", True),
        ("http://m/v2/apps", False),
        ("https://m:8443/v2/apps", False),
        ("https://m.example/v2/apps", False),
        ("http://n:80/v2/apps", True),
    ],
)
def test_which_servers_get_credentials(url: str, configured: bool) -> None:
    assert is_configured(Connection("c", ["https://m/prefix", "http://n"]), url) is configured


def test_what_would_go_out_in_clear() -> None:
    assert is_downgrade("https://m/", "http://m/")
    assert is_downgrade("http://m/", "ftp://m/")
    assert not is_downgrade("http://m/", "https://m/")
    assert not is_downgrade("http://m/", "http://n/")


@pytest.mark.parametrize(
    ("failure", "told", "way_out"),
    [
        (verification(10), "no trust in the server's certificate", "renewed"),
        (verification(62), "no trust in the server's certificate", "name that stands in the certificate"),
        (verification(19), "no trust in the server's certificate", "tls.ca"),
        (reason("WRONG_VERSION_NUMBER"), "does not speak TLS", "http://"),
        (reason("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "does not accept this client's certificate", "tls.certificate"),
        (reason("TLSV1_ALERT_UNKNOWN_CA"), "does not accept this client's certificate", "tls.certificate"),
        (reason("TLSV1_ALERT_PROTOCOL_VERSION"), "no TLS connection", "tls"),
    ],
)
def test_what_is_wrong_with_tls(failure: ssl.SSLError, told: str, way_out: str) -> None:
    error = silence(requests.exceptions.SSLError(failure), "GET https://m/", Connection("c", ["https://m"]))
    assert isinstance(error, MarathonUntrusted)
    assert told in error.message
    assert way_out in error.way_out


@pytest.mark.parametrize("failure", [ssl.SSLEOFError(8, "EOF occurred"), ssl.SSLZeroReturnError(6, "closed")])
def test_a_connection_that_broke_under_tls_may_be_tried_again(failure: ssl.SSLError) -> None:
    error = silence(requests.exceptions.SSLError(failure), PLACE, Connection("c", ["https://m"]))
    assert isinstance(error, MarathonUnavailable)
    assert "unknown" in error.way_out
