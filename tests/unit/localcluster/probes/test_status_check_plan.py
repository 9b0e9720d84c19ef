"""What an app's `check` asks, and by which command."""

from __future__ import annotations

from typing import Any

import pytest

from ciprov.localcluster.probes.status_check import command_of, in_words_of_health


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        ({"http": {"portIndex": 1, "path": "/x", "scheme": "HTTPS"}}, ("MESOS_HTTPS", "/x", None, 1)),
        ({"http": {}}, ("MESOS_HTTP", "/", None, None)),
        ({"tcp": {"port": 80}}, ("MESOS_TCP", "/", 80, None)),
    ],
)
def test_where_it_asks(check: dict[str, Any], expected: tuple[str, str, int | None, int | None]) -> None:
    found = in_words_of_health(check)
    assert (found.protocol, found.path, found.port, found.port_index) == expected


def test_its_command() -> None:
    assert command_of({"exec": {"command": {"shell": "test -e x"}}}) == "test -e x"
    assert command_of({"exec": {"command": {"argv": ["echo", "a b", "$HOME"]}}}) == "exec echo 'a b' '$HOME'"
