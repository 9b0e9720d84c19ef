"""Placeholders: types are kept, texts are filled in once, the shell's own are left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciprov.environments.blueprint.nodes import Node, Place, node_of, plain
from ciprov.environments.blueprint.substitution import Filling, Unknown, fill, unknown_name

VALUES = {
    "n": Filling(3),
    "f": Filling(0.5),
    "b": Filling(True),
    "t": Filling("x ${n}"),
    "S": Filling("s", secret=True),
}


def _filled(value):
    told = []
    node = fill(
        node_of(value, Place(1, 1)), _lookup, lambda node, key, unknown: told.append((key, unknown.message)), "k"
    )
    return node, told


def _lookup(name):
    return VALUES.get(name) or unknown_name(name, set(VALUES))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${n}", 3),
        ("${f}", 0.5),
        ("${b}", True),
        ("a${n}b", "a3b"),
        ("${n}${n}", "33"),
        ("is ${b}", "is true"),
        ("${t}", "x ${n}"),
        ("y ${t}", "y x ${n}"),
        ("$${n}", "${n}"),
        ("$$${n}", "$${n}"),
        ("${PORT0} ${HOST:-x} $PORT", "${PORT0} ${HOST:-x} $PORT"),
        ("${PORTS:-${HOST}}", "${PORTS:-${HOST}}"),
        ("${S}!", "s!"),
        ("cost: 5$ {n}", "cost: 5$ {n}"),
    ],
)
def test_filling(text, value):
    node, told = _filled(text)

    assert (node.value, told) == (value, [])
    assert type(node.value) is type(value)


@pytest.mark.parametrize("text", ["${m}", "${n", "${}", "a ${ n }", "${x y}", "${#n}", "${i%.*}"])
def test_what_stands_for_nothing_is_told_once_and_stays(text):
    node, told = _filled({"cmd": text})

    assert plain(node) == {"cmd": text}
    assert [key for key, _ in told] == ["k.cmd"]


def test_secrets_mark_what_they_went_into():
    node, _ = _filled({"a": "${S}", "b": "x ${S}", "c": "${n}", "d": "plain"})

    assert {name: (m.secret, m.filled) for name, m in node.members()} == {
        "a": (True, True),
        "b": (True, True),
        "c": (False, True),
        "d": (False, False),
    }
    assert "hidden" in dict(node.members())["a"].shown


@given(st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_escaping_every_text_gives_it_back(value):
    node, told = _filled(_escaped(value))

    assert (plain(node), told) == (value, [])


def _escaped(value):
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    return {name: _escaped(item) for name, item in value.items()} if isinstance(value, dict) else value


@given(st.text(alphabet="${}nxPS :-", max_size=20))
def test_filling_never_raises_and_keeps_places(text):
    node, _ = _filled([text])

    assert node.items()[0].at == Place(1, 1)


def test_an_unknown_name_tells_what_there_is():
    unknown = unknown_name("wrokers", {"workers", "tag"})

    assert isinstance(unknown, Unknown)
    assert (unknown.allowed, unknown.way_out) == ("service.<app>.<port>, tag, workers", "did you mean workers?")


def test_a_filled_node_keeps_how_the_file_wrote_others():
    assert fill(Node(1.1, written="1.10"), _lookup, lambda *_: None, "").written == "1.10"
