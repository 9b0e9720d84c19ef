"""Which permissions are missing, found by doing once what the service will do: no page of Jenkins tells them all."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Protocol

from ciprov.domain.jenkins import (
    NEEDED_PERMISSIONS,
    AgentSecret,
    JenkinsDenied,
    JenkinsNotFound,
    NewNode,
    Server,
    Withdrawn,
)

NO_CREDENTIALS = (
    "give a user and its API token: CIPROV_JENKINS_USER and CIPROV_JENKINS_TOKEN, or `jenkins` in the settings"
)
_TRIED_ON_A_NODE = ("Agent/Configure", "Agent/Connect", "Agent/Disconnect", "Agent/Delete")
_WAY_OUT = "grant it in Jenkins (Manage Jenkins, Security), or use another user"


class _Jenkins(Protocol):
    @property
    def service(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def anonymous(self) -> bool: ...
    def server(self) -> Server: ...
    def create_node(self, new: NewNode) -> bool: ...
    def fence(self, name: str, message: str) -> bool: ...
    def withdraw(self, name: str, message: str) -> Withdrawn: ...
    def secret(self, name: str) -> AgentSecret: ...
    def delete_node(self, name: str) -> bool: ...


def check_permissions(jenkins: _Jenkins) -> None:
    """Raises `JenkinsDenied`. The node that it makes has no label but its name, which nothing asks for."""
    name = f"ciprov-{jenkins.service}-check"
    probe = NewNode(name, (), "/nowhere", description="May be deleted: shows whether ciprov may do this")
    missing = _missing("Overall/Read", jenkins.server) or _missing("Agent/Create", lambda: jenkins.create_node(probe))
    untried = _untried(missing)
    if not missing:
        missing = [
            *_missing("Agent/Configure", lambda: jenkins.withdraw(name, "checks permissions")),
            *_missing("Agent/Disconnect", lambda: jenkins.fence(name, "checks permissions")),
            *_missing("Agent/Connect", lambda: _read_secret(jenkins, name)),
            *_missing("Agent/Delete", lambda: jenkins.delete_node(name)),
        ]
    if missing:
        named = dict.fromkeys(missing)
        needed = "; ".join(f"{one} (to {NEEDED_PERMISSIONS.get(one, 'do its work')})" for one in named)
        left = f" Delete the node '{name}' yourself." if "Agent/Delete" in missing else ""
        lacking, way_out = f"the user of ciprov lacks {needed}", _WAY_OUT
        if jenkins.anonymous:
            untried = ""
            lacking, way_out = f"no credentials were given, and without any ciprov lacks {needed}", NO_CREDENTIALS
        raise JenkinsDenied(
            f"{lacking}{untried}", permission=missing[0], place=jenkins.target, way_out=f"{way_out}.{left}"
        )


def _untried(missing: Collection[str]) -> str:
    """Without a node nothing can be done to it."""
    if not missing:
        return ""
    create = () if "Agent/Create" in missing else ("Agent/Create",)
    others = ", ".join(f"{one} (to {NEEDED_PERMISSIONS[one]})" for one in (*create, *_TRIED_ON_A_NODE))
    return f"; whether it has {others} cannot be tried without that"


def _read_secret(jenkins: _Jenkins, name: str) -> None:
    # Another service of that name may check at the same time, and be the first to delete the node.
    with suppress(JenkinsNotFound):
        jenkins.secret(name)


def _missing(permission: str, attempt: Callable[[], object]) -> list[str]:
    try:
        attempt()
    except JenkinsDenied as error:
        if error.status != 403:
            raise
        return [error.permission or permission]
    return []
