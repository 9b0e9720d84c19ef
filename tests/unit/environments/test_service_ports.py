"""Allocation of service ports."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciprov.environments.service_ports import PortNeed, PortRange, PortsExhausted, allocate, conflicts

RANGE = PortRange(100, 119)
KEYS = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8)
PORTS = st.integers(95, 125)


def test_lowest_free_ports_in_order():
    ports = allocate([PortNeed("b"), PortNeed("a")], recorded={}, taken={100, 102}, within=RANGE)

    assert ports == {"b": 101, "a": 103}


def test_recorded_ports_are_kept_whatever_comes_before_them():
    recorded = {"a": 100, "gone": 101}

    assert allocate([PortNeed("new"), PortNeed("a")], recorded=recorded, taken=(), within=RANGE) == {
        "new": 101,
        "a": 100,
    }


def test_a_fixed_port_is_itself_and_nobody_else_gets_it():
    needs = [PortNeed("a"), PortNeed("b", fixed=100), PortNeed("c", fixed=9000)]

    assert allocate(needs, recorded={"a": 100}, taken=(), within=RANGE) == {"a": 101, "b": 100, "c": 9000}


def test_a_recorded_port_outside_the_range_or_taken_is_given_up():
    needs = [PortNeed("a"), PortNeed("b")]

    assert allocate(needs, recorded={"a": 9000, "b": 105}, taken={105}, within=RANGE) == {"a": 100, "b": 101}


def test_exhaustion_names_the_port_and_the_way_out():
    with pytest.raises(PortsExhausted, match=r"web/http in 100-100 \(1 ports\)") as exhausted:
        allocate([PortNeed("web/http")], recorded={}, taken={100}, within=PortRange(100, 100))
    assert "service_ports" in exhausted.value.way_out


@given(KEYS, st.dictionaries(st.sampled_from("abcdefghxyz"), PORTS), st.sets(PORTS, max_size=8))
def test_allocated_ports_are_distinct_free_and_stable(keys, recorded, taken):
    needs = [PortNeed(key) for key in keys]

    ports = allocate(needs, recorded=recorded, taken=taken, within=RANGE)

    assert list(ports) == keys
    assert len(set(ports.values())) == len(keys)
    assert all(port in RANGE and port not in taken for port in ports.values())
    assert allocate(needs, recorded=ports, taken=taken, within=RANGE) == ports
    assert allocate(list(reversed(needs)), recorded=ports, taken=taken, within=RANGE) == ports


def test_conflicts_between_fixed_ports():
    needs = [PortNeed("a", 80), PortNeed("b", 81), PortNeed("c", 80), PortNeed("d"), PortNeed("e")]

    assert conflicts(needs) == [(80, ("a", "c"))]
