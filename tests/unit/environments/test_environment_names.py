"""Names of environments from names of branches."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ciprov.environments.names import LIMIT, NameCollision, group_path, refuse_collision, same_environment, slug
from ciprov.foundation.errors import UsageError


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("feature/ABC-12_x", "feature-abc-12-x"),
        ("main", "main"),
        ("  Fix #12: größe! ", "fix-12-grosse"),
        ("--a--b--", "a-b"),
        ("release/1.2.3", "release-1-2-3"),
        ("x" * LIMIT, "x" * LIMIT),
    ],
)
def test_slugs(given_name, name):
    assert slug(given_name) == name


@pytest.mark.parametrize("given_name", ["", "  ", "///", "???", "日本", "tasks", "Versions", "\ud800"])
def test_names_without_a_usable_part_are_refused(given_name):
    with pytest.raises(UsageError) as refused:
        slug(given_name)
    assert refused.value.way_out


@given(st.text(max_size=90))
def test_a_slug_is_safe_short_and_its_own_slug(given_name):
    try:
        name = slug(given_name)
    except UsageError:
        assume(False)
        return
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name)
    assert len(name) <= LIMIT
    assert slug(name) == name
    assert same_environment(given_name, given_name)
    assert same_environment(name, given_name)


@given(st.text("ab", min_size=40, max_size=60), st.text("ab", min_size=40, max_size=60))
def test_cut_names_stay_different(one, other):
    assume(one != other)

    assert slug(one) != slug(other)
    assert slug(one) != slug(f"{one[:20]}/{one[20:]}")


def test_another_branch_with_the_same_slug_is_refused():
    refuse_collision("feature/x", "feature/x")
    refuse_collision("feature-x", "feature/x")
    with pytest.raises(NameCollision, match="feature-x") as refused:
        refuse_collision("feature_x", "feature/x")
    assert "feature-x" in refused.value.way_out


def test_group_paths():
    assert group_path("/ciprov", "x") == "/ciprov/x"
    assert group_path("/", "x") == "/x"
    assert group_path("a/b/", "x") == "/a/b/x"
