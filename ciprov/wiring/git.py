"""Which branches the repositories have that a command names."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ciprov.clients.git import GitError, branches
from ciprov.environments.lifetime.branches import Branches, without_credentials

_AT_ONCE = 8


def look_up_branches(remotes: Sequence[str]) -> Branches:
    """All are asked at once. What does not answer is in the result, without credentials. Raises `UsageError`."""
    if not remotes:
        return Branches()
    told: dict[str, tuple[str, ...]] = {}
    silent: dict[str, str] = {}
    addresses = [without_credentials(remote) for remote in remotes]
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        for address, found in zip(addresses, pool.map(_branches, remotes), strict=True):
            if isinstance(found, GitError):
                silent[address] = found.message
            else:
                told[address] = found
    return Branches(told, silent)


def _branches(remote: str) -> tuple[str, ...] | GitError:
    try:
        return branches(remote)
    except GitError as error:
        return error
