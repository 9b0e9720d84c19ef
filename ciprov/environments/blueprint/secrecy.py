"""What may be kept and shown of secrets: a fingerprint that tells change, and texts without them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace

from ciprov.environments.blueprint.findings import Finding
from ciprov.environments.blueprint.parameters import Secret

_ROUNDS = 50_000
_SHORTEST = 3
"""Shorter secrets are not looked for in texts: they would blank out half of every message."""


def fingerprint(secret: Secret, salt: str) -> str:
    """Tells whether a secret changed, and makes guessing it from the record slow. `salt` is the same at every run."""
    digest = hashlib.pbkdf2_hmac(
        "sha256", secret.reveal().encode("utf-8", "surrogatepass"), salt.encode("utf-8", "surrogatepass"), _ROUNDS
    )
    return digest.hex()


def redact(text: str, secret_values: Collection[str]) -> str:
    """`text` with every secret in it replaced by ***."""
    for value in sorted(secret_values, key=len, reverse=True):
        if len(value) >= _SHORTEST:
            text = text.replace(value, "***")
    return text


def redacted(finding: Finding, secret_values: Collection[str]) -> Finding:
    return replace(
        finding,
        message=redact(finding.message, secret_values),
        allowed=redact(finding.allowed, secret_values),
        way_out=redact(finding.way_out, secret_values),
    )
