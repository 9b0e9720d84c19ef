"""Which branches the repositories have that a command names."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ciprov.clients.git import GitError, branches
from ciprov.environments.lifetime.branches import Branches, without_credentials

_AT_ONCE = 8


def look_up_branches(remotes: Sequence[str]) -> Branches:
    """All are asked at once. What does not answer is in the result, without credentials."""
    if not remotes:
        return Branches()
    told: dict[str, tuple[str, ...]] = {}
    silent: dict[str, str] = {}
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        for remote, found in zip(remotes, pool.map(_branches, remotes), strict=True):
            if isinstance(found, GitError):
                silent[without_credentials(remote)] = found.message
            else:
                told[without_credentials(remote)] = found
    return Branches(told, silent)


def _branches(remote: str) -> tuple[str, ...] | GitError:
    try:
        return branches(remote)
    except GitError as error:
        return error
