from __future__ import annotations

import pytest

from ciprov.settings.document import SettingsError, read


@pytest.mark.parametrize(
    "value",
    [
        "*hunter2",
        "!hunter2",
        "!hunter2 x",
        "!<hunter2> x",
        "!!hunter2 x",
        "!!int hunter2",
        "!!int ''",
        "!!float hunter2",
        "!!bool hunter2",
        "!!timestamp hunter2",
        "[&hunter2 a, &hunter2 b, *c]",
        "2001-13-45",
        "9" * 5000,
    ],
)
def test_what_yaml_cannot_read_is_told_by_its_place_alone(value: str) -> None:
    with pytest.raises(SettingsError, match=r"^f:1:\d+: no valid YAML: .* into quotes\)?$") as raised:
        read(f"password: {value}", "f")
    assert "hunter2" not in str(raised.value)
    assert "999" not in str(raised.value)


@pytest.mark.filterwarnings("error")
def test_an_anchor_that_comes_twice_is_allowed_and_its_lines_are_not_quoted() -> None:
    assert read("[&x hunter2, &x b, *x]", "f").plain == ["hunter2", "b", "b"]
