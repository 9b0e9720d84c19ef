"""Names of agents, which are never used again, and labels for one agent alone."""

from __future__ import annotations

import base64
import re
import secrets

_LONGEST = 60
_SERVICE_LONGEST = 20
_NONCE_BYTES = 5
_LABEL_NONCE_BYTES = 10


def fresh_name(service: str, template: str) -> str:
    """`service-template-xxxxxxxx`, as it may stand in Jenkins for a node, in Mesos for a task and in DNS for a host."""
    return named(service, template, nonce(_NONCE_BYTES))


def named(service: str, template: str, last: str) -> str:
    """At most 60 letters, digits and hyphens; what may not stand in a name becomes a hyphen."""
    first = _plain(service)[:_SERVICE_LONGEST].rstrip("-") or "ciprov"
    room = _LONGEST - len(first) - len(last) - 2
    middle = _plain(template)[:room].strip("-") or "agent"
    return f"{first}-{middle}-{last}"


def unique_label(prefix: str) -> str:
    """A label that nobody else asks for. `prefix` as in `Template.unique_prefix`."""
    return prefix + nonce(_LABEL_NONCE_BYTES)


def nonce(count: int) -> str:
    """So many random bytes, as letters from a to z and digits from 2 to 7."""
    return base64.b32encode(secrets.token_bytes(count)).decode().rstrip("=").lower()


def _plain(text: str) -> str:
    return re.sub(r"[^a-zA-Z0-9]+", "-", text).strip("-")
