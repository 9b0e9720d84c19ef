"""Which changes of a template make its agents another thing."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from ciprov.agents.template import (
    Container,
    ContainerKind,
    FetchUri,
    Limits,
    Network,
    NetworkMode,
    Rules,
    SecretText,
    ServiceRules,
    Start,
    Template,
    Volume,
    Warm,
)
from ciprov.agents.template_digest import Difference, difference, digest
from ciprov.foundation.errors import CiprovError
from ciprov.framework.requests import Algorithm, Wanted, constraint

MAVEN = Template("maven", ("maven", "jdk17"), Wanted(cpus=2, mem=1024))
SECRET = SecretText("from variable X", "hunter2", "aa")

OF_AGENTS: dict[str, object] = {
    "name": "other",
    "labels": ("maven",),
    "wanted": Wanted(cpus=2, mem=2048),
    "constraints": (constraint("rack", "UNIQUE"),),
    "roles": ("ci",),
    "exclusive": False,
    "container": Container(ContainerKind.DOCKER, "maven:3", Network(NetworkMode.BRIDGE), (Volume("/a", "/b"),)),
    "start": Start(uris=(FetchUri("http://a/b"),)),
}
ELSE: dict[str, object] = {
    "expressions": ("maven",),
    "priority": 3,
    "weight": 2.0,
    "algorithm": Algorithm.SPREAD,
    "unique_prefix": "x.",
    "expected_s": 60.0,
    "limits": Limits(most=3, warm=(Warm(1),), idle_s=9),
}


def test_every_field_is_thought_of() -> None:
    assert {field.name for field in fields(Template)} == {*OF_AGENTS, *ELSE}


@pytest.mark.parametrize("name", OF_AGENTS)
def test_what_an_agent_is_made_of_counts(name: str) -> None:
    assert digest(replace(MAVEN, **{name: OF_AGENTS[name]})) != digest(MAVEN)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ELSE)
def test_when_and_how_many_does_not_count(name: str) -> None:
    other = replace(MAVEN, **{name: ELSE[name]})  # type: ignore[arg-type]
    assert digest(other) == digest(MAVEN)
    assert difference(Rules(templates=(MAVEN,)), Rules(templates=(other,))) == Difference(adjusted=("maven",))


def test_it_is_the_same_in_every_process_and_release() -> None:
    # Agents of a running service would all be retired by an upgrade otherwise.
    assert digest(MAVEN) == "ab9e3c40e0d9de755990c1e7aa7d1b9c"


def with_secret(secret: SecretText) -> Template:
    return replace(MAVEN, start=Start(secret_env=(("PASSWORD", secret),)))


def test_another_value_of_a_secret_counts_and_the_value_is_not_in_it() -> None:
    assert digest(with_secret(SECRET)) != digest(MAVEN)
    assert digest(with_secret(SECRET)) == digest(with_secret(replace(SECRET, value="hunter3")))
    assert digest(with_secret(SECRET)) != digest(with_secret(replace(SECRET, fingerprint="bb")))
    assert digest(with_secret(SecretText("in a"))) != digest(with_secret(SecretText("in b")))


def test_nothing_shows_a_secret() -> None:
    assert "hunter2" not in f"{SECRET} {SECRET!r} {with_secret(SECRET)}"
    assert SECRET.reveal() == "hunter2"
    with pytest.raises(CiprovError, match="a secret from variable X was not read"):
        SecretText("from variable X").reveal()


def test_what_differs_between_two_readings() -> None:
    a, b, c = (replace(MAVEN, name=name) for name in "abc")
    old = Rules(ServiceRules(most=3), (a, b, c))
    assert not difference(old, old)
    assert str(difference(old, old)) == "nothing differs"
    new = Rules(ServiceRules(most=4), (replace(c, exclusive=False), replace(MAVEN, name="d"), replace(a, priority=1)))
    found = difference(old, new)
    assert found == Difference(("d",), ("b",), ("c",), ("a",), reordered=True, service=("most",))
    assert str(found) == "added d; removed b; changed c; adjusted a; templates in another order; service: most"
    assert difference(old, Rules(old.service, (b, a, c))) == Difference(reordered=True)
