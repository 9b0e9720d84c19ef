"""The jobs of a Jenkins over HTTP: what there is, their config.xml, and the plugins that they may need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from ciprov.clients.connection import Connection
from ciprov.clients.jenkins.permissions import NO_CREDENTIALS
from ciprov.clients.jenkins.transport import Transport
from ciprov.domain.jenkins import JenkinsDenied, JenkinsError, JenkinsNotFound
from ciprov.domain.jobs import Plugin, ServerJob
from ciprov.foundation.json import JsonObject

_DEPTH = 8
_PLUGINS = "plugins[shortName,longName,version,enabled]"


class HttpJobs:
    """Not to be shared between threads. Names hold folders: `team/build`. Errors are `JenkinsError`s; a write goes out
    once.
    """

    def __init__(self, connection: Connection) -> None:
        self._transport = Transport(connection)
        self._target = connection.target
        self._anonymous = not connection.has_credentials

    @property
    def target(self) -> str:
        return self._target

    def all(self) -> list[ServerJob]:
        """All jobs that the user may see, down to eight folders deep, by one request; without branches of multibranch
        projects, which are nobody's definition.
        """
        with self._needing("Job/Read", "see what there is"):
            document = self._transport.get_json("api/json", tree=_tree(_DEPTH))
        return list(_listed(document, ""))

    def config(self, name: str) -> str:
        with self._needing("Job/ExtendedRead or Job/Configure", f"read the configuration of {name}"):
            return self._transport.get(f"{_path(name)}/config.xml").content.decode("utf-8", "replace")

    def look(self, name: str) -> ServerJob | None:
        """One job as it is now; None where there is no such job."""
        try:
            document = self._transport.get_json(f"{_path(name)}/api/json", tree="description,jobs[name]")
        except JenkinsNotFound:
            return None
        return _job({**document, "name": name}, "")

    def create(self, name: str, xml: str) -> None:
        folder, _, own = name.rpartition("/")
        path = f"{_path(folder)}/createItem" if folder else "createItem"
        with self._needing("Job/Create", f"create {name}"):
            self._transport.post_xml(path, xml, {"name": own})

    def update(self, name: str, xml: str) -> None:
        with self._needing("Job/Configure", f"change {name}"):
            self._transport.post_xml(f"{_path(name)}/config.xml", xml)

    def delete(self, name: str) -> None:
        """Also where it is gone already."""
        try:
            with self._needing("Job/Delete", f"delete {name}"):
                self._transport.post(f"{_path(name)}/doDelete")
        except JenkinsNotFound:
            return

    def plugins(self) -> list[Plugin]:
        """Those that are enabled."""
        with self._needing("Overall/SystemRead", "see its plugins"):
            document = self._transport.get_json("pluginManager/api/json", depth="1", tree=_PLUGINS)
        return [
            Plugin(str(one["shortName"]), str(one.get("version") or ""), str(one.get("longName") or ""))
            for one in document.get("plugins") or []
            if one.get("enabled")
        ]

    @contextmanager
    def _needing(self, permission: str, purpose: str) -> Iterator[None]:
        """Says of a 403 without a reason which permission it is that Jenkins asks for there."""
        try:
            yield
        except JenkinsDenied as error:
            if self._anonymous:
                raise JenkinsDenied(
                    f"no credentials were given, and without any Jenkins does not let ciprov {purpose}",
                    status=error.status,
                    permission=error.permission,
                    place=error.place,
                    way_out=NO_CREDENTIALS,
                ) from error
            if error.status != 403:
                raise
            missing = error.permission or permission
            raise JenkinsDenied(
                f"the user of ciprov may not {purpose}: the permission {missing} is missing",
                permission=missing,
                place=error.place,
                way_out="grant it in Jenkins (Manage Jenkins, Security), or use another user",
            ) from error


def _tree(depth: int) -> str:
    inner = f",{_tree(depth - 1)}" if depth > 1 else ""
    return f"jobs[name,description{inner}]"


def _listed(document: JsonObject, folder: str) -> Iterator[ServerJob]:
    for each in _jobs(document):
        job = _job(each, folder)
        yield job
        if not _is_computed(job.kind):
            yield from _listed(each, f"{job.name}/")


def _job(document: JsonObject, folder: str) -> ServerJob:
    name, kind = f"{folder}{document['name']}", str(document.get("_class") or "")
    inside = () if _is_computed(kind) else tuple(f"{name}/{each['name']}" for each in _jobs(document))
    return ServerJob(name, kind, str(document.get("description") or ""), inside)


def _is_computed(kind: str) -> bool:
    """Whether Jenkins itself makes what is in it."""
    return kind.endswith(("WorkflowMultiBranchProject", "OrganizationFolder"))


def _jobs(document: JsonObject) -> Iterator[dict[str, Any]]:
    for job in document.get("jobs") or []:
        if isinstance(job, dict) and job.get("name"):
            yield job


def _path(name: str) -> str:
    parts = name.split("/")
    if not all(part.strip(".") for part in parts):
        raise JenkinsError(f"'{name}' is no name for a job", way_out="no part of it may be empty, or dots alone")
    return "/".join(f"job/{quote(part, safe='')}" for part in parts)
