"""What answers, failures and errors of a master mean."""

from __future__ import annotations

import socket
import ssl

import pytest
import requests

from ciprov.clients.mesos_scheduler.addresses import Master
from ciprov.clients.mesos_scheduler.leader import leading, master_in
from ciprov.clients.mesos_scheduler.sending import Fate, of_answer
from ciprov.clients.mesos_scheduler.sending import of_failure as call_failed
from ciprov.clients.mesos_scheduler.verdicts import of_error, of_failure, of_status
from ciprov.domain.mesos_events import End, Loss

MASTER = Master("leader", 5050)


@pytest.mark.parametrize(
    ("status", "loss", "end"),
    [
        (400, Loss.REFUSED, End.REFUSED),
        (401, Loss.REFUSED, End.REFUSED),
        (403, Loss.REFUSED, End.REFUSED),
        (404, Loss.UNAVAILABLE, None),
        (405, Loss.REFUSED, End.REFUSED),
        (429, Loss.UNAVAILABLE, None),
        (500, Loss.UNAVAILABLE, None),
        (503, Loss.UNAVAILABLE, None),
        (307, Loss.UNAVAILABLE, None),
    ],
)
def test_statuses_of_subscribe(status: int, loss: Loss, end: End | None) -> None:
    verdict = of_status(status, "some\n  text", "", MASTER)
    assert (verdict.loss, verdict.end) == (loss, end)
    assert verdict.reason.startswith(f"leader:5050 answered {status}: some text")
    assert bool(verdict.way_out) == bool(end)


def test_a_redirect_and_a_long_text() -> None:
    assert of_status(307, "", "//other:5050", MASTER).redirect == "//other:5050"
    assert len(of_status(500, "x" * 10_000, "", MASTER).reason) < 400


@pytest.mark.parametrize(
    ("error", "loss", "told"),
    [
        (socket.gaierror(-2, "Name or service not known"), Loss.UNREACHABLE, "'leader' cannot be resolved"),
        (UnicodeError("label too long"), Loss.UNREACHABLE, "'leader'"),
        (TimeoutError(), Loss.UNREACHABLE, "does not answer in time"),
        (ConnectionRefusedError(111, "Connection refused"), Loss.UNREACHABLE, "Connection refused"),
        (ConnectionResetError(104, "reset"), Loss.CLOSED, "broke"),
        (ssl.SSLEOFError(8, "UNEXPECTED_EOF"), Loss.CLOSED, "broke"),
        (ssl.SSLCertVerificationError(1, "self-signed"), Loss.UNTRUSTED, "no trust"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]"), Loss.UNTRUSTED, "no TLS"),
        (ValueError("no RecordIO"), Loss.GARBLED, "no RecordIO"),
    ],
)
def test_failures_of_a_connection(error: Exception, loss: Loss, told: str) -> None:
    verdict = of_failure(error, MASTER)
    assert verdict.loss is loss
    assert told in verdict.reason
    assert (verdict.end is End.UNTRUSTED) == (loss is Loss.UNTRUSTED)


def test_errors_are_the_end() -> None:
    assert of_error("Framework has been removed").end is End.REMOVED
    assert of_error("Framework failed over").end is End.FAILED_OVER
    assert of_error("Framework is not authorized").end is End.ERROR


@pytest.mark.parametrize(
    ("status", "text", "fate", "perhaps_done"),
    [
        (202, "", Fate.DONE, False),
        (200, "{}", Fate.DONE, False),
        (307, "", Fate.RESUBSCRIBE, False),
        (400, "Missing 'Mesos-Stream-Id' header", Fate.RESUBSCRIBE, False),
        (400, "Framework cannot be found", Fate.RESUBSCRIBE, False),
        (403, "Framework is not subscribed", Fate.RESUBSCRIBE, False),
        (400, "Failed to parse body into JSON", Fate.REFUSED, False),
        (401, "", Fate.REFUSED, False),
        (403, "", Fate.REFUSED, False),
        (429, "", Fate.AGAIN, False),
        (500, "", Fate.AGAIN, True),
        (502, "", Fate.AGAIN, True),
        (503, "", Fate.AGAIN, False),
    ],
)
def test_answers_to_calls(status: int, text: str, fate: Fate, perhaps_done: bool) -> None:
    outcome = of_answer(status, text, "leader:5050")
    assert (outcome.fate, outcome.perhaps_done) == (fate, perhaps_done)


def test_a_call_that_never_left_was_certainly_not_done() -> None:
    assert not call_failed(requests.ConnectTimeout(), "leader").perhaps_done
    assert call_failed(requests.ReadTimeout(), "leader").perhaps_done
    assert call_failed(requests.ConnectionError("reset"), "leader").perhaps_done


def test_of_the_election_the_oldest_of_the_new_form_leads() -> None:
    assert leading(["json.info_0000000012", "json.info_0000000009", "info_0000000001", "log_replicas"]) == (
        "json.info_0000000009"
    )
    assert leading(["info_0000000001", "log_replicas"]) is None
    assert leading([]) is None


def test_a_master_s_own_words() -> None:
    data = b'{"address": {"hostname": "m.example", "ip": "10.0.0.1", "port": 5050}, "port": 5050}'
    assert master_in(data, tls=False) == Master("10.0.0.1", 5050)
    assert master_in(data, tls=True) == Master("m.example", 5050, tls=True)
    assert master_in(b'{"hostname": "m", "port": 5050}', tls=False) == Master("m", 5050)
    for bad in (b"", b"[]", b"{}", b'{"port": 5050}', b'{"address": {"ip": "x", "port": 0}}', b"\x0a\xff"):
        with pytest.raises(ValueError, match="no address"):
            master_in(bad, tls=False)
