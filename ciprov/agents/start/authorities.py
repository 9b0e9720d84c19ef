"""The authorities that agents are to trust beside those of their Java, where Jenkins's certificate is of one's own.

agent.jar takes each certificate as an argument, as it reads no file of them: what begins with `@` is for it a file of
further arguments. Certificates are no secret, so they may stand on the command line.
"""

from __future__ import annotations

import re

from ciprov.agents.template import Template

MOST = 8
"""Certificates. More are a whole bundle, which fits no command line and which every Java has by itself."""

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[\sA-Za-z0-9+/=]+?-----END CERTIFICATE-----")
_TRUSTS_ALL = frozenset({"-noCertificateCheck", "-disableHttpsCertValidation"})


def certificates(text: str) -> tuple[str, ...]:
    """Those of a PEM file, without what stands between them; a private key is never among them."""
    return tuple("\n".join(found.split("\r\n")) for found in _CERTIFICATE.findall(text))


def arguments(template: Template, jenkins_url: str, authorities: tuple[str, ...]) -> tuple[str, ...]:
    """For agent.jar. None where the template's own say that it trusts everybody: agent.jar refuses both together."""
    if not jenkins_url.startswith("https://") or _TRUSTS_ALL & set(template.start.arguments):
        return ()
    return tuple(word for one in authorities for word in ("-cert", one))
