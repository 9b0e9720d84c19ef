"""Which directories an account may pass."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ciprov.localcluster.runtimes.reaching import closed_on_the_way, may_pass
from ciprov.localcluster.runtimes.spec import Account

ACCOUNT = Account(1000, 100, (100, 200))


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "passes"),
    [
        (0o700, 0, 0, False),
        (0o711, 0, 0, True),
        (0o754, 0, 0, False),
        (0o700, 1000, 0, True),
        (0o077, 1000, 100, False),
        (0o710, 0, 100, True),
        (0o710, 0, 200, True),
        (0o701, 0, 200, False),
        (0o710, 0, 300, False),
    ],
)
def test_owner_group_and_others(mode: int, uid: int, gid: int, passes: bool) -> None:
    found = os.stat_result((0o040000 | mode, 0, 0, 2, uid, gid, 0, 0, 0, 0))
    assert may_pass(found, ACCOUNT) is passes


def test_the_first_closed_directory_counts(tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    inner = outer / "open" / "inner" / "sandbox"
    inner.mkdir(parents=True)
    stranger = Account(os.getuid() + 1, 2**31, ())
    (outer / "open" / "inner").chmod(0o700)
    first = closed_on_the_way(inner, stranger)
    assert first is not None
    outer.chmod(0o700)
    assert closed_on_the_way(inner, stranger) in {first, outer}
    assert closed_on_the_way(Path("/sandbox"), stranger) is None
