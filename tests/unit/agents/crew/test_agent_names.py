import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciprov.agents.crew.names import fresh_name, named, nonce, unique_label
from ciprov.agents.queue.labels import Atom, parse


def test_a_name_tells_the_service_and_the_template():
    assert re.fullmatch("ciprov-maven-[a-z2-7]{8}", fresh_name("ciprov", "maven"))


@pytest.mark.parametrize(
    ("service", "template", "name"),
    [
        ("ciprov", "maven 3/jdk_17", "ciprov-maven-3-jdk-17-abcdefgh"),
        ("Team A", "größe", "Team-A-gr-e-abcdefgh"),
        ("ciprov", "***", "ciprov-agent-abcdefgh"),
        ("", "", "ciprov-agent-abcdefgh"),
        ("s" * 50, "t" * 80, f"{'s' * 20}-{'t' * 30}-abcdefgh"),
        ("a-" * 20, "b-" * 20, "a-a-a-a-a-a-a-a-a-a-b-b-b-b-b-b-b-b-b-b-b-b-b-b-b-b-abcdefgh"),
    ],
)
def test_what_may_not_stand_in_a_name_does_not(service, template, name):
    assert named(service, template, "abcdefgh") == name


@given(st.text(max_size=70), st.text(max_size=70))
def test_it_is_a_name_for_all_who_bear_it(service, template):
    name = fresh_name(service, template)
    assert len(name) <= 60
    assert re.fullmatch("[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", name)
    assert "--" not in name
    assert parse(name) == Atom(name)


def test_no_two_are_the_same():
    assert len({fresh_name("ciprov", "a") for _ in range(1000)}) == 1000
    assert len({nonce(5) for _ in range(1000)}) == 1000


def test_a_unique_label_is_one_name_behind_its_prefix():
    label = unique_label("ciprov.maven.")
    assert re.fullmatch(r"ciprov\.maven\.[a-z2-7]{16}", label)
    assert parse(label) == Atom(label)
