"""Whom agents are told to trust as Jenkins."""

from __future__ import annotations

import pytest

from ciprov.agents.start.authorities import arguments, certificates
from ciprov.agents.template import Start, Template
from ciprov.framework.requests import Wanted

ONE = "-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----"
OTHER = "-----BEGIN CERTIFICATE-----\nTUlJRg+/\nabcd\n-----END CERTIFICATE-----"
KEY = "-----BEGIN PRIVATE KEY-----\nTUlJSA==\n-----END PRIVATE KEY-----"


def template(*given: str) -> Template:
    return Template("maven", ("maven",), Wanted(cpus=1, mem=512), start=Start(arguments=given))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{ONE}\n", (ONE,)),
        (f"subject=/CN=one\n{ONE}\n\n# other\n{OTHER}", (ONE, OTHER)),
        (f"{KEY}\n{ONE}\n{KEY}\n", (ONE,)),
        (ONE.replace("\n", "\r\n"), (ONE,)),
        ("", ()),
        (KEY, ()),
        ("-----BEGIN CERTIFICATE-----\nTUlJQg==\n", ()),
    ],
)
def test_certificates_of_a_file(text: str, found: tuple[str, ...]) -> None:
    assert certificates(text) == found


def test_each_is_an_argument_of_its_own() -> None:
    assert arguments(template(), "https://jenkins", (ONE, OTHER)) == ("-cert", ONE, "-cert", OTHER)


@pytest.mark.parametrize("trusting", ["-noCertificateCheck", "-disableHttpsCertValidation"])
def test_agents_that_trust_everybody_are_told_of_none(trusting: str) -> None:
    assert arguments(template("-x", trusting), "https://jenkins", (ONE,)) == ()


def test_without_tls_there_is_nobody_to_trust() -> None:
    assert arguments(template(), "http://jenkins", (ONE,)) == ()
