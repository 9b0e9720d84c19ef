"""Takes the steps of a plan, one after the other. Each may be repeated, so whoever is interrupted begins anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ciprov.domain.jenkins import JenkinsError, JenkinsRestarting, JenkinsUnavailable, JenkinsUntrusted
from ciprov.domain.jobs import ServerJob
from ciprov.foundation.errors import CiprovError
from ciprov.jobs.config_xml import FOLDER, HOLDS_JOBS, read
from ciprov.jobs.mark import Mark, mark_in
from ciprov.jobs.planning import Action, Plan, Step, parents


class JobServer(Protocol):
    """What writes jobs, and looks at one of them. Each of these raises `JenkinsError`."""

    def create(self, name: str, xml: str) -> None: ...
    def update(self, name: str, xml: str) -> None: ...
    def delete(self, name: str) -> None:
        """Also where it is gone already."""

    def look(self, name: str) -> ServerJob | None:
        """As it is now; None where there is no such job."""

    def config(self, name: str) -> str: ...


class Outcome(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    UNCHANGED = "unchanged"
    LEFT = "left"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one job. `reason` is that of the plan, or why it failed."""

    name: str
    outcome: Outcome
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.outcome}, {self.reason}" if self.reason else f"{self.name}: {self.outcome}"

    @property
    def is_bad(self) -> bool:
        return self.outcome in {Outcome.FAILED, Outcome.SKIPPED}


Tell = Callable[[Done], None]
_ENDS = (JenkinsRestarting, JenkinsUntrusted)
_NO_USE = "Jenkins does not answer any more"
_CHANGED = "somebody took it over or put another one there just now; see whose it is, and repeat the command"
_NOT_DELETED = (
    "nothing is deleted where other jobs could not be made or changed: what is to take its place may be missing"
)
_SERVER_ERROR = 500
_FORGETFUL = "matrix-project"
"""Jenkins goes by another execution strategy than that of the XML it makes one of, until the next start or change."""
_OUTCOMES = {Action.CREATE: Outcome.CREATED, Action.UPDATE: Outcome.UPDATED, Action.DELETE: Outcome.DELETED}


class NotAllowed(CiprovError):
    """The plan holds what is refused; nothing was written."""


def refuse(plan: Plan) -> None:
    """Raises `NotAllowed` that names every job and every plugin that stands against it."""
    told = [f"{step.place or 'Jenkins'}: job {step.name}: {step.reason}" for step in plan.of(Action.REFUSE)]
    told += [f"{missing}; install it, or --ignore-plugin {missing.plugin}" for missing in plan.missing]
    if told:
        raise NotAllowed("nothing was written, as it is not all possible:\n  " + "\n  ".join(told))


def sync(plan: Plan, server: JobServer, mark: Mark, tell: Tell) -> list[Done]:
    """Does all that can be done: one job that fails does not stop the others, save those in it, and deletions."""
    refuse(plan)
    done: list[Done] = []
    failed: dict[str, str] = {}
    whole = True
    for step in plan.steps:
        if step.action is Action.DELETE and not whole:
            one = Done(step.name, Outcome.SKIPPED, _NOT_DELETED)
        else:
            one = _taken(step, server, mark, failed)
        if one.is_bad:
            failed[step.name] = one.reason
            whole = whole and step.action is Action.DELETE
        done.append(one)
        if step.writes:
            tell(one)
    return done


def _taken(step: Step, server: JobServer, mark: Mark, failed: dict[str, str]) -> Done:
    if not step.writes:
        return Done(step.name, Outcome.UNCHANGED if step.action is Action.KEEP else Outcome.LEFT, step.reason)
    if _NO_USE in failed.values():
        return Done(step.name, Outcome.SKIPPED, _NO_USE)
    above = [folder for folder in parents(step.name) if folder in failed]
    if above:
        return Done(step.name, Outcome.SKIPPED, f"the folder {above[0]} failed")
    try:
        return _write(step, server, mark)
    except _ENDS as error:
        failed[""] = _NO_USE
        return Done(step.name, Outcome.FAILED, _told(error))
    except JenkinsError as error:
        return Done(step.name, Outcome.FAILED, _told(error) + _guess(step, error))


def _told(error: JenkinsError) -> str:
    if isinstance(error, JenkinsRestarting):  # nobody asks it again here
        return f"{error.place}: {error.message}; repeat the command once it answers"
    return str(error).replace("\n  ", "; ")


def _guess(step: Step, error: JenkinsError) -> str:
    """Jenkins says nothing but 500 to a type of job that it does not know."""
    if step.action is not Action.CREATE or error.status != _SERVER_ERROR:
        return ""
    return f"; is the plugin there that brings jobs of the type {read(step.xml, step.name).kind}?"


def _write(step: Step, server: JobServer, mark: Mark) -> Done:
    try:
        if step.action is Action.CREATE:
            server.create(step.name, step.xml)
            if f"<{_FORGETFUL}" in step.xml:
                server.update(step.name, step.xml)
        elif step.action is Action.UPDATE:
            there = server.look(step.name)
            if there is not None and mark_in(there.description) != step.seen:
                return Done(step.name, Outcome.FAILED, _CHANGED)
            server.update(step.name, step.xml)
        else:
            return _delete(step, server, mark)
    except JenkinsUnavailable as error:
        # Whether it was done is unknown: an update may be sent again next time, a creation is looked at.
        if error.unsent or step.action is not Action.CREATE or not _is_ours(server, step.name, mark):
            raise
    return Done(step.name, _OUTCOMES[step.action], step.reason)


def _delete(step: Step, server: JobServer, mark: Mark) -> Done:
    """Looks once more: somebody may have taken the job over in between, or put something into the folder."""
    there = server.look(step.name)
    if there is not None:
        stays = _why_it_stays(there, server, mark)
        if stays:
            return Done(step.name, Outcome.LEFT, stays)
        server.delete(step.name)
    return Done(step.name, Outcome.DELETED, step.reason)


def _why_it_stays(there: ServerJob, server: JobServer, mark: Mark) -> str:
    """Jenkins deletes a folder with all that is in it, whosever that is."""
    if mark_in(there.description) != mark.of(there.name):
        return "it does not bear our mark any more"
    if not there.kind.endswith(HOLDS_JOBS):
        return ""
    if there.kind == FOLDER and there.holds:
        return f"it holds {there.holds[0]}"
    credentials = read(server.config(there.name), there.name).credentials
    return f"it holds the credentials {', '.join(credentials)}" if credentials else ""


def _is_ours(server: JobServer, name: str, mark: Mark) -> bool:
    there = server.look(name)
    return there is not None and mark_in(there.description) == mark.of(name)
