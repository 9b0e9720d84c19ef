"""Jobs of a Jenkins from definitions: reads both, has it decided what differs, and writes it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ciprov.clients.jenkins.jobs import HttpJobs
from ciprov.domain.jenkins import JenkinsDenied, JenkinsRestarting, JenkinsUnavailable
from ciprov.domain.jobs import Definitions, Plugin, ServerJob
from ciprov.foundation.errors import UsageError
from ciprov.jobs.mark import Mark
from ciprov.jobs.planning import Live, Plan, Rules, plan
from ciprov.jobs.syncing import Done, Tell, sync
from ciprov.settings.agents import JenkinsAccess, of_cluster
from ciprov.settings.agents.jenkins_alone import by_url
from ciprov.settings.model import Settings
from ciprov.wiring.jenkins import jenkins_connection
from ciprov.wiring.job_definitions import good, read


def access(url: str, url_source: str, settings: Callable[[], Settings]) -> JenkinsAccess:
    """By the URL where one is given, else the Jenkins of the chosen cluster's section `agents`."""
    if url:
        return by_url(url, url_source, os.environ)
    chosen = settings()
    if chosen.cluster.agents is None:
        raise UsageError(
            f"no Jenkins is named, and cluster {chosen.cluster.name} has no section `agents` with one",
            way_out="name it with --jenkins-url (CIPROV_JENKINS_URL), or in the settings: docs/agents-settings.md",
        )
    return of_cluster(chosen).jenkins


@dataclass(frozen=True, slots=True)
class Jobs:
    """One Jenkins, definitions for it, and what is to be done. `notes` are what could not be looked at."""

    server: HttpJobs
    definitions: Definitions
    plan: Plan
    rules: Rules
    notes: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        return self.server.target

    def sync(self, tell: Tell) -> list[Done]:
        """Raises `NotAllowed` before anything is written."""
        return sync(self.plan, self.server, self.rules.mark, tell)


def look(to: JenkinsAccess, paths: Sequence[str], rules: Rules) -> Jobs:
    """Reads the definitions and Jenkins, and writes nothing. Raises `DefinitionsError`, `JenkinsError`."""
    if not good(read(paths)) and rules.prune:  # before anybody is asked
        raise UsageError("there is no job in these definitions, and --prune would delete all of the set")
    server = HttpJobs(jenkins_connection(to))
    there = _asked(server.all)
    plugins, notes = _plugins(server)
    definitions = read(paths, plugins)
    defined = good(definitions)
    names = {job.name for job in there}
    configs = {job.name: server.config(job.name) for job in defined if job.name in names}
    live = Live(there, configs, plugins, server.target)
    return Jobs(server, definitions, plan(defined, live, rules), rules, notes)


def _asked(ask: Callable[[], list[ServerJob]]) -> list[ServerJob]:
    try:
        return ask()
    except JenkinsRestarting as error:
        way_out = "see whether Jenkins runs there and can be reached from here, and repeat the command"
        raise JenkinsUnavailable(error.message, status=error.status, place=error.place, way_out=way_out) from error


def _plugins(server: HttpJobs) -> tuple[list[Plugin] | None, tuple[str, ...]]:
    """None, and a note, where the user may not see them: who writes jobs need not see how Jenkins is set up."""
    try:
        return server.plugins(), ()
    except JenkinsDenied as error:
        if error.status != 403:
            raise
        return None, (f"warning: {error.message}: whether a job needs a plugin that is not there is not checked",)


def rules(set_name: str, *, adopt: bool = False, prune: bool = False, ignored: Sequence[str] = ()) -> Rules:
    """Raises `UsageError` where that is no name for a set."""
    return Rules(Mark(set_name), adopt=adopt, prune=prune, ignored_plugins=frozenset(ignored))
