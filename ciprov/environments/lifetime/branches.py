"""Which branch an environment belongs to, and whether it is still there. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from ciprov.domain.environment import EnvironmentRecord
from ciprov.environments.names import slug
from ciprov.foundation.errors import UsageError


def without_credentials(remote: str) -> str:
    """The address of a repository as it may be kept and shown: no password, and no token in the user's place.

    Raises `UsageError` where it is none.
    """
    remote = remote.strip()
    if "://" not in remote:
        return remote
    try:
        parts = urlsplit(remote)
    except ValueError as error:
        raise UsageError(f"the address of a git repository cannot be read: {error}") from None
    user, at, host = parts.netloc.rpartition("@")
    # Over ssh the user belongs to the address; over HTTP it may be a token.
    keep = f"{user.partition(':')[0]}@" if at and parts.scheme.endswith("ssh") else ""
    return urlunsplit(parts._replace(netloc=keep + host))


def same_remote(one: str, other: str) -> bool:
    def plain(remote: str) -> str:
        return re.sub(r"(\.git)?/*$", "", without_credentials(remote))

    return plain(one) == plain(other)


@dataclass(frozen=True, slots=True)
class Branches:
    """What the repositories that were asked told: names of branches by address.

    `silent` are those that did not answer, or with no branch at all, and why: of them nothing is known.
    """

    told: Mapping[str, Iterable[str]] = field(default_factory=dict)
    silent: Mapping[str, str] = field(default_factory=dict)

    def has_branch_of(self, record: EnvironmentRecord) -> bool | None:
        """None where that cannot be told: nobody was asked, or not the right one, or not everybody answered. What no
        branch or repository is recorded of may just be called so by hand: then only a branch that is there tells.
        """
        asked = [*self.told, *self.silent]
        if record.git_remote:
            asked = [one for one in asked if same_remote(one, record.git_remote)]
        branch = branch_of(record)
        if not asked or not branch:
            return None
        wanted = _slug(branch)
        if any(_slug(name) == wanted for one in asked for name in self.told.get(one, ())):
            return True
        by_hand = not record.branch and not record.git_remote
        return None if by_hand or any(one in self.silent for one in asked) else False


def branch_of_job(name: str, variables: Mapping[str, str]) -> tuple[str, str]:
    """The branch and the repository that a Jenkins job builds, where the environment `name` is called like that branch;
    else two empty texts. `variables` are those that Jenkins and its git plugin set.
    """
    for variable in ("CHANGE_BRANCH", "BRANCH_NAME", "GIT_LOCAL_BRANCH", "GIT_BRANCH"):
        branch = variables.get(variable, "").strip().removeprefix("origin/")
        if branch and _slug(branch) == _slug(name):
            return branch, without_credentials(variables.get("GIT_URL", ""))
    return "", ""


def branch_of(record: EnvironmentRecord) -> str:
    return record.branch or record.given_name


def _slug(branch: str) -> str:
    try:
        return slug(branch)
    except UsageError:
        return branch
