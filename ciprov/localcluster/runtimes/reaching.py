"""Which directory keeps another user from a task's sandbox, although the sandbox is that user's own."""

from __future__ import annotations

import os
from pathlib import Path

from ciprov.localcluster.runtimes.spec import Account


def closed_on_the_way(path: Path, account: Account) -> Path | None:
    """The first directory above `path` that the account may not pass; None where it may pass all of them."""
    return next((each for each in reversed(path.parents) if not may_pass(each.stat(), account)), None)


def may_pass(found: os.stat_result, account: Account) -> bool:
    """By owner, group and mode; nobody asks for access control lists."""
    if found.st_uid == account.uid:
        return bool(found.st_mode & 0o100)
    if found.st_gid in {account.gid, *account.groups}:
        return bool(found.st_mode & 0o010)
    return bool(found.st_mode & 0o001)
