from __future__ import annotations

import pytest

from ciprov.localcluster.api.selectors import parse_selector
from ciprov.localcluster.definitions.errors import Unprocessable


@pytest.mark.parametrize(
    ("selector", "labels", "selected"),
    [
        ("a", {"a": ""}, True),
        ("a==b", {"a": "b"}, True),
        ("a == b", {"a": "c"}, False),
        ("a!=b", {"a": "c"}, True),
        ("a!=b", {}, False),
        (r"a in (one, two, three\ is\ cool)", {"a": "three is cool"}, True),
        ("a in(b)", {"a": "b"}, True),
        ("a in ()", {"a": "b"}, False),
        ("a notin (b,c)", {"a": "d"}, True),
        (r"\{\{\{ in (\*\*\*, \&\&\&), \^\^\^ notin (\-\-\-), \#\#\#", {"{{{": "&&&", "^^^": "x", "###": ""}, True),
        (r"a==x\,y,b", {"a": "x,y", "b": ""}, True),
        ("in", {"in": ""}, True),
        ("in in (in)", {"in": "in"}, True),
    ],
)
def test_selects(selector: str, labels: dict[str, str], selected: bool) -> None:
    assert parse_selector(selector)(labels) is selected


@pytest.mark.parametrize(
    "selector", ["a b", "a in b", "a some (b)", "a==", "a/b", "'a'", "a in (b", "a in (b c)", "a,,b", "a,", "\\"]
)
def test_refuses(selector: str) -> None:
    with pytest.raises(Unprocessable, match="label selector"):
        parse_selector(selector)
