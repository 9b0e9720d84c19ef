"""What went wrong with TLS, and what to do about it. A connection that merely broke under TLS is none of these."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass

import requests

_WRONG_NAME = frozenset({62, 64})
_WRONG_TIME = frozenset({9, 10})
"""OpenSSL's `X509_V_ERR_` codes: the host's name or address is not in the certificate; not valid yet, or no longer."""

_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE")
_OURS = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED")
_ENDED = ("UNEXPECTED_EOF", "EOF occurred", "DECRYPTION_FAILED", "BAD_RECORD_MAC")


@dataclass(frozen=True, slots=True)
class TlsFailure:
    message: str
    way_out: str


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """How the settings at fault are called: whose they are (`the cluster's`), and the one that holds the address."""

    whose: str
    address: str

    @property
    def authority(self) -> str:
        return f"set {self.whose} `tls.ca` to the authority's file"


def tls_failure(causes: Sequence[BaseException], settings: TlsSettings) -> TlsFailure | None:
    """None where the failure is not one of trust, so that trying again may help. `causes` are in order, outermost
    first.
    """
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _distrust(cause, settings)
    told = [cause for cause in causes if isinstance(cause, ssl.SSLError)]
    for failure in told:
        if not _is_ended(failure):
            return _refused(failure, settings)
    if not told and any(isinstance(cause, requests.exceptions.SSLError) for cause in causes):
        return TlsFailure(f"no trust in the server's certificate: {causes[-1]}", settings.authority)
    unreadable = [cause for cause in causes if type(cause) is OSError and "TLS" in str(cause)]
    if unreadable:  # as requests says of a file that is not there
        return TlsFailure(str(unreadable[0]), f"correct {settings.whose} `tls` files")
    return None


def _is_ended(error: ssl.SSLError) -> bool:
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | TimeoutError):
        return True
    told = f"{error.reason} {error.strerror}"
    return "timed out" in told or any(word in told for word in _ENDED)


def _distrust(error: ssl.SSLCertVerificationError, settings: TlsSettings) -> TlsFailure:
    way_out = settings.authority
    if error.verify_code in _WRONG_NAME:
        way_out = f"use the name that stands in the certificate in {settings.whose} `{settings.address}` address"
    elif error.verify_code in _WRONG_TIME:
        way_out = "have the certificate renewed, or this machine's clock set"
    return TlsFailure(f"no trust in the server's certificate: {error.verify_message or error.strerror}", way_out)


def _refused(error: ssl.SSLError, settings: TlsSettings) -> TlsFailure:
    whose = settings.whose
    reason = (error.reason or "").replace("_", " ").lower() or error.strerror or type(error).__name__
    told, way_out = f"no TLS connection: {reason}", f"check {whose} `tls` settings (ciprov config show)"
    if error.reason in _NO_TLS:
        told, way_out = (
            "the server does not speak TLS there",
            f"use http:// in {whose} `{settings.address}` address",
        )
    elif "ALERT" in (error.reason or "") and any(word in (error.reason or "") for word in _OURS):
        told = f"the server does not accept this client's certificate: {reason}"
        way_out = f"set {whose} `tls.certificate` (and `tls.key`) to one that its authority signed"
    elif "PEM" in told.upper() or "CERTIFICATE OR CRL" in told.upper():
        told, way_out = (
            f"a file of the TLS settings is no PEM file: {reason}",
            "correct the file of `tls.ca` or `tls.certificate`",
        )
    return TlsFailure(told, way_out)
