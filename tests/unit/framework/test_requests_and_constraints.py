"""What may be asked for, and which agents meet a constraint."""

import itertools

import pytest
from framework_examples import placed, request
from hypothesis import given
from hypothesis import strategies as st

from ciprov.foundation.errors import UsageError
from ciprov.framework import resources
from ciprov.framework.constraints import Crowd, meets
from ciprov.framework.placement import ALGORITHMS
from ciprov.framework.requests import Algorithm, Constraint, Operator, Wanted, constraint
from ciprov.framework.state import Policy

CASES = [
    ("EQUAL", "r1", ("r1",), True),
    ("IS", "r1", ("r2",), False),
    ("EQUAL", "7.0", ("7",), True),
    ("EQUAL", "r1", (), False),
    ("EQUAL", "docker", ("docker", "maven"), True),
    ("LIKE", "r[12]", ("r2",), True),
    ("LIKE", "r", ("r2",), False),
    ("LIKE", "r.*", (), False),
    ("UNLIKE", "r[12]", ("r2",), False),
    ("UNLIKE", "r", ("r2",), True),
    ("UNLIKE", "r", (), True),
    ("UNLIKE", "maven", ("docker", "maven"), False),
    ("UNIQUE", "", (), False),
    ("CLUSTER", "r1", ("r1",), True),
    ("CLUSTER", "r1", ("r2",), False),
    ("GROUP_BY", "", ("r1",), True),
]


@pytest.mark.parametrize(("operator", "value", "there", "met"), CASES)
def test_an_agent_meets_a_constraint_by_its_own_values(operator, value, there, met):
    assert meets(constraint("rack", operator, value), there) is met


def crowd(*racks: str) -> Crowd:
    return Crowd(placed(f"t{n}", f"h{n}", attributes={"rack": (rack,)}) for n, rack in enumerate(racks))


CROWDED = [
    ("UNIQUE", "", "r1", "r1", False),
    ("UNIQUE", "", "r1", "r2", True),
    ("MAX_PER", "2", "r1", "r1", True),
    ("MAX_PER", "2", "r1 r1", "r1", False),
    ("CLUSTER", "", "", "r1", True),
    ("CLUSTER", "", "r1", "r1", True),
    ("CLUSTER", "", "r1", "r2", False),
    ("CLUSTER", "r2", "r1", "r2", True),
    ("GROUP_BY", "", "r1", "r2", True),
    ("GROUP_BY", "", "r1 r1 r2", "r1", False),
    ("GROUP_BY", "", "r1 r1 r2", "r2", True),
    ("GROUP_BY", "2", "r1", "r1", False),
    ("GROUP_BY", "2", "r1 r2", "r1", True),
    ("GROUP_BY", "2", "r1 r2", "r3", False),
    ("GROUP_BY", "3", "r1 r2", "r3", True),
]


@pytest.mark.parametrize(("operator", "value", "there", "rack", "allowed"), CROWDED)
def test_other_tasks_of_the_label_allow_one_more_or_not(operator, value, there, rack, allowed):
    one = constraint("rack", operator, value)
    assert crowd(*there.split()).allows(one, "maven", (rack,)) is allowed
    assert crowd(*there.split()).allows(one, "another label", (rack,))


def test_counting_follows_what_is_added_later():
    there = crowd("r1")
    unique = constraint("rack", "unique")
    assert there.allows(unique, "maven", ("r2",))
    there.add("maven", "h9", {"rack": ("r2",)})
    assert not there.allows(unique, "maven", ("r2",))


@pytest.mark.parametrize(
    ("field", "operator", "value", "message"),
    [
        ("rack", "NEAR", "", "there is no operator 'NEAR'"),
        ("rack", "LIKE", "r[", "is no regular expression"),
        ("rack", "MAX_PER", "0", "the value '0' is no whole number above 0"),
        ("rack", "GROUP_BY", "many", "is no whole number"),
        ("rack", "EQUAL", "", "is empty"),
    ],
)
def test_a_wrong_constraint_is_refused_with_its_name(field, operator, value, message):
    with pytest.raises(UsageError, match="constraint") as refused:
        constraint(field, operator, value)
    assert message in str(refused.value)


def test_constraints_are_read_as_people_write_them():
    assert constraint("@hostname", "is", "h") == Constraint("hostname", Operator.EQUAL, "h")


@pytest.mark.parametrize(
    "wrong",
    [
        {"cpus": -1},
        {"cpus": float("nan")},
        {"cpus": 1, "mem": float("inf")},
        {},
        {"disk": 5},
        {"cpus": 1, "ports": (80, 80)},
        {"cpus": 1, "ports": (70000,)},
    ],
)
def test_what_cannot_be_wanted_is_refused(wrong):
    with pytest.raises(UsageError, match="cannot be wanted"):
        Wanted(**wrong)


def test_a_weight_that_divides_by_nothing_is_refused():
    with pytest.raises(UsageError, match="the weight 0 of label maven is not above 0"):
        Policy(weights={"maven": 0})


def test_what_is_wanted_prints_itself():
    assert str(request("q", 0.5, 300, gpus=1, ports=(0, 0)).wanted) == "0.5 cpus, 300 mem, 1 gpus, 2 ports"


def test_every_algorithm_has_its_function():
    assert set(ALGORITHMS) == set(Algorithm)


@given(st.sets(st.integers(0, 40)), st.integers(0, 40))
def test_ranges_hold_exactly_their_numbers(numbers, removed):
    ranges = resources.merged((n, n) for n in numbers)
    assert resources.size(ranges) == len(numbers)
    assert all(resources.contains(ranges, n) is (n in numbers) for n in range(42))
    assert all(end + 1 < begin for (_, end), (begin, _) in itertools.pairwise(ranges))
    assert resources.without(ranges, removed) == resources.merged((n, n) for n in numbers - {removed})
    assert resources.merged([*ranges, *ranges, (5, 3)]) == ranges


@pytest.mark.parametrize(("amount", "text"), [(0, "0"), (500, "0.5"), (2000, "2"), (1234567, "1234.567"), (10, "0.01")])
def test_amounts_are_shown_exactly(amount, text):
    assert resources.shown(amount) == text
