"""What an answer, a failure or an ERROR of the master means for the subscription, in words for people. Pure."""

from __future__ import annotations

import errno
import socket
import ssl
from dataclasses import dataclass

from ciprov.clients.mesos_scheduler.addresses import Master
from ciprov.domain.mesos_events import End, Loss, Stopped

_LONGEST = 300
_PASSING = frozenset({404, 408, 425, 429})
"""404 too: a master that has just started says so for a moment, before its API is there."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`redirect` is where a 307 points to; `end` is what the driver stops with once it was tried often enough."""

    loss: Loss
    reason: str
    end: End | None = None
    way_out: str = ""
    redirect: str = ""


def of_status(status: int, text: str, location: str, master: Master) -> Verdict:
    """Of an answer to SUBSCRIBE that brings no events."""
    if status in {301, 302, 303, 307, 308} and location:
        return Verdict(Loss.UNAVAILABLE, f"{master} does not lead: it points to {location}", redirect=location)
    told = f"{master} answered {status}" + (f": {shown(text)}" if text.strip() else "")
    if status == 401:
        way_out = "correct the principal and secret, or the token, that are set for the Mesos master"
        return Verdict(Loss.REFUSED, f"{told} (credentials wrong or missing)", End.REFUSED, way_out)
    if status == 403:
        way_out = "have the master's ACLs allow this principal to register frameworks in these roles"
        return Verdict(Loss.REFUSED, f"{told} (not allowed)", End.REFUSED, way_out)
    if 400 <= status < 500 and status not in _PASSING:
        way_out = "check the address of the master, and the framework's name, user and roles"
        return Verdict(Loss.REFUSED, told, End.REFUSED, way_out)
    return Verdict(Loss.UNAVAILABLE, told)


def of_failure(error: BaseException, master: Master) -> Verdict:
    """Of a connection that could not be made, or that broke."""
    if isinstance(error, ssl.SSLError) and not _is_broken(error):
        return _distrust(error, master)
    if isinstance(error, OSError | UnicodeError):
        return _network(error, master)
    return Verdict(Loss.GARBLED, f"what {master} sent was not understood: {shown(f'{type(error).__name__}: {error}')}")


def _distrust(error: ssl.SSLError, master: Master) -> Verdict:
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = f"no trust in the certificate of {master}: {getattr(error, 'verify_message', '') or error}"
        way_out = "set the authority's file, and use the name that stands in the certificate"
        return Verdict(Loss.UNTRUSTED, reason, End.UNTRUSTED, way_out)
    reason = f"no TLS connection to {master}: {_words(error)}"
    return Verdict(Loss.UNTRUSTED, reason, End.UNTRUSTED, "check https:// in the address, and our own certificate")


def _words(error: ssl.SSLError) -> str:
    return str(getattr(error, "reason", "") or error).replace("_", " ").lower()


def _network(error: OSError | UnicodeError, master: Master) -> Verdict:
    if isinstance(error, socket.gaierror):
        return Verdict(Loss.UNREACHABLE, f"the name {master.host!r} cannot be resolved: {error.strerror or error}")
    if isinstance(error, UnicodeError):
        return Verdict(Loss.UNREACHABLE, f"the name {master.host!r} is none that could be resolved")
    if isinstance(error, TimeoutError):
        return Verdict(Loss.UNREACHABLE, f"{master} does not answer in time")
    if isinstance(error, ConnectionResetError | BrokenPipeError | ssl.SSLError):
        return Verdict(Loss.CLOSED, f"the connection to {master} broke")
    told = error.strerror or errno.errorcode.get(error.errno or 0, type(error).__name__)
    return Verdict(Loss.UNREACHABLE, f"{master} cannot be reached: {told}")


def of_error(message: str) -> Stopped:
    """Of the event ERROR: always the end. To subscribe again would be answered the same way, for ever."""
    told = message.lower()
    if "failed over" in told:
        return Stopped(End.FAILED_OVER, message, "only one scheduler at a time may use a framework id")
    if "removed" in told or "completed" in told:
        return Stopped(End.REMOVED, message, "start anew with a new framework id; the tasks are gone")
    return Stopped(End.ERROR, message, "correct what the master names, then start again")


def shown(text: str) -> str:
    """On one line and not too long."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _is_broken(error: ssl.SSLError) -> bool:
    """Ended by the other side or by the network: a matter of trying again."""
    told = f"{getattr(error, 'reason', '')} {error}"
    return isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) or any(
        word in told for word in ("UNEXPECTED_EOF", "EOF occurred", "timed out", "BAD_RECORD_MAC", "DECRYPTION_FAILED")
    )
