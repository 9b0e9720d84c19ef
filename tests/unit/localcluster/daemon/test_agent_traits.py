"""Attributes and roles of agents, from texts."""

import pytest

from ciprov.localcluster.daemon.options import BadOptions, Options
from ciprov.localcluster.daemon.sizing import hostname
from ciprov.localcluster.daemon.traits import BadTrait, with_traits
from ciprov.localcluster.model import Agent, Resources

AGENTS = [Agent(f"agent-{number}", f"127.1.1.{number}", Resources()) for number in (1, 2)]


def test_attributes_and_roles_are_given_to_single_agents_and_to_all() -> None:
    first, second = with_traits(AGENTS, "all:zone:east;agent-2:rack:r:2;agent-2:zone:west", "agent-1:public")
    assert (first.attributes, first.role) == ({"zone": "east"}, "public")
    assert (second.attributes, second.role) == ({"zone": "west", "rack": "r:2"}, "*")


def test_numbers_are_told_in_the_form_in_which_they_are_compared() -> None:
    attributes = with_traits(AGENTS, "all:a:0.80;all:b:3.0;all:c:[1-2];all:d:1.0005;all:e:1.0015", "")[0].attributes
    assert attributes == {"a": "0.8", "b": "3", "c": "[1-2]", "d": "1", "e": "1.002"}


@pytest.mark.parametrize(
    ("attributes", "roles", "says"),
    [
        ("agent-3:rack:r1", "", "agent-1 to agent-2"),
        ("rack:r1", "", "begins with no agent"),
        ("agent-1:rack", "", "AGENT:NAME:VALUE"),
        ("agent-1:rack:", "", "AGENT:NAME:VALUE"),
        ("agent-1:a b:r1", "", "AGENT:NAME:VALUE"),
        ("", "agent-1", "AGENT:ROLE"),
        ("", "agent-1:a b", "AGENT:ROLE"),
        ("", "agent-0:x", "begins with no agent"),
    ],
)
def test_texts_that_make_no_sense_are_refused(attributes: str, roles: str, says: str) -> None:
    with pytest.raises(BadTrait, match=says):
        with_traits(AGENTS, attributes, roles)


def test_options_know_how_many_agents_there_are() -> None:
    Options(agents=3, attributes="agent-3:rack:r1").check()
    with pytest.raises(BadOptions, match="there are agent-1, and"):
        Options(attributes="agent-2:rack:r1").check()
    with pytest.raises(BadOptions, match="1 to 254"):
        Options(agents=255).check()


def test_agents_have_the_addresses_behind_the_clusters_own() -> None:
    assert [hostname("127.7.8.1", index) for index in (0, 1, 253)] == ["127.7.8.1", "127.7.8.2", "127.7.8.254"]
