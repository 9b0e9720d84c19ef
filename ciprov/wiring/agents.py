"""The agent service from the settings: what it works with, and one life of it in the foreground."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TextIO

from ciprov.agents.serving.controls import ServiceControl
from ciprov.agents.serving.inbox import Leave
from ciprov.agents.serving.service import AgentService, Parts
from ciprov.agents.start.task import Site
from ciprov.agents.template import Rules
from ciprov.agents.view.happenings import Happening, Severity, Tell, What
from ciprov.agents.view.log_lines import LogFormat
from ciprov.clients.jenkins.client import HttpJenkins
from ciprov.clients.mesos_scheduler.driver import GuardedDriver
from ciprov.domain.environment import LockHolder
from ciprov.domain.jenkins import JenkinsUnavailable
from ciprov.domain.leadership import Lead
from ciprov.foundation.clock import SteadyClock
from ciprov.foundation.errors import CiprovError
from ciprov.settings.agents import AgentSettings, of_cluster
from ciprov.settings.agents.restart import wanting_restart
from ciprov.settings.agents.secrets import revealed
from ciprov.settings.model import Settings
from ciprov.wiring.agents_log import LogWriter, told_to
from ciprov.wiring.agents_lost import told_of
from ciprov.wiring.agents_metrics import Metrics
from ciprov.wiring.agents_operating import socket_path
from ciprov.wiring.agents_reach import listening_host, signal_url, trusted_authorities
from ciprov.wiring.clusters import leaders_speak_tls, mesos_connection
from ciprov.wiring.environments import who, with_addresses
from ciprov.wiring.jenkins import jenkins_connection
from ciprov.wiring.stores import open_store

_STANDBY_S = 1.0
_WATCH_S = 2.0


@dataclass(frozen=True, slots=True)
class Output:
    """Where the log goes."""

    stream: TextIO
    form: LogFormat = LogFormat.TEXT


def serve(settings: Settings, read: Callable[[], Settings], output: Output) -> None:
    """Until a signal ends it. `read` reads the settings anew. Raises `CiprovError`; must be on the main thread."""
    log = LogWriter(output.stream, output.form)
    metrics = Metrics()
    try:
        _serve(settings, read, told_to(metrics.tell, log.tell), metrics)
    finally:
        log.close()


def jenkins_client(agents: AgentSettings) -> HttpJenkins:
    return HttpJenkins(jenkins_connection(agents.jenkins), agents.rules.service.name)


def _serve(settings: Settings, read: Callable[[], Settings], tell: Tell, metrics: Metrics) -> None:
    from ciprov.web.agents.listeners import Where
    from ciprov.wiring.agents_listening import bound

    agents = of_cluster(settings)
    cluster = with_addresses(settings, lambda text: tell(Happening(What.STARTED, text)))
    store = open_store(settings)
    jenkins = jenkins_client(agents)
    _try_permissions(jenkins, tell)
    name = agents.rules.service.name
    listen = (listening_host(agents, cluster), agents.listen.port)
    token = agents.api_token.reveal() if agents.api_token else ""
    with (
        _leaving_on_signals() as asked_to_leave,
        contextlib.closing(store),
        store.election(f"agents/{cluster.name}/{name}", who()) as lead,
    ):
        if not _elected(lead, asked_to_leave, tell, name):
            return
        kept = store.agents(cluster.name, name, lead)
        listeners = bound(Where(socket_path(settings), listen, token, agents.open_metrics), kept)
        try:
            address = listeners.address()
            connection = mesos_connection(cluster, agents.masters_address(cluster.mesos))
            parts = Parts(
                jenkins,
                lambda: GuardedDriver(connection, leader_tls=leaders_speak_tls(cluster)),
                kept,
                lead,
                agents.framework,
                _site(agents, signal_url(agents, cluster, address or listen, tell), tell),
                connection.target,
            )
            service = AgentService(parts, revealed(agents), tell, SteadyClock())
            control = ServiceControl(service, lambda: _read_again(agents, read, tell))
            asked_to_leave.then(lambda: service.inbox.put(Leave()))
            service.recover()
            listeners.serve(control, metrics)
            framework = agents.framework.name
            with (
                _following(settings.file, control, tell),
                told_of(cluster, framework, lambda: service.snapshot.framework_id, tell),
            ):
                service.run()
        finally:
            listeners.stop()


def _site(agents: AgentSettings, signal: str, tell: Tell) -> Site:
    return Site(agents.jenkins.url, signal, agents.rules.service.name, authorities=trusted_authorities(agents, tell))


def _read_again(running: AgentSettings, read: Callable[[], Settings], tell: Tell) -> tuple[Rules, tuple[str, ...]]:
    """What a running service may follow of the settings, and the keys that want a restart, of which it is told."""
    changed = of_cluster(read())
    late = tuple(f"agents.{key}" for key in wanting_restart(running, changed))
    if late:
        text = f"{', '.join(late)} changed: that holds from the next start only"
        tell(Happening(What.RELOADED, text, Severity.WARNING))
    rules = revealed(changed)
    # Nodes are marked with the name: half of them under another one would be somebody else's.
    return replace(rules, service=replace(rules.service, name=running.rules.service.name)), late


def _try_permissions(jenkins: HttpJenkins, tell: Tell) -> None:
    """What the user may not do ends the start; a Jenkins that is away does not."""
    try:
        jenkins.check_permissions()
    except JenkinsUnavailable as error:
        tell(Happening(What.JENKINS_LOST, str(error), Severity.WARNING))


def _elected(lead: Lead, leaving: _Leaving, tell: Tell, name: str) -> bool:
    """Wait until no other service of that name is there. False where it was asked to leave before."""
    told: LockHolder | None = None
    while not leaving.asked:
        if lead.wait(0.0 if told is None else _STANDBY_S):
            return True
        holder = lead.leader()
        if holder is not None and (told is None or holder.description != told.description):
            tell(
                Happening(
                    What.REFUSED, f"the service {name} runs already ({holder.description}): waiting as its stand-in"
                )
            )
            told = holder
    return False


class _Leaving:
    """Whether a signal asked to leave, and what is to be done then."""

    def __init__(self) -> None:
        self.asked = False
        self._act: Callable[[], None] = lambda: None

    def then(self, act: Callable[[], None]) -> None:
        self._act = act
        if self.asked:
            act()

    def now(self) -> None:
        self.asked = True
        self._act()


@contextlib.contextmanager
def _leaving_on_signals() -> Iterator[_Leaving]:
    leaving = _Leaving()

    def leave(_number: int, _frame: FrameType | None) -> None:
        leaving.now()

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGINT)}
    # There is nothing to read anew before it serves, and it would end a stand-in.
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield leaving
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _following(file: Path, control: ServiceControl, tell: Tell) -> Iterator[None]:
    """Follows the settings: what changes in their file holds within some seconds, and at once after SIGHUP."""
    changed, stopped = threading.Event(), threading.Event()

    def follow() -> None:
        known = _stamp(file)
        while not stopped.is_set():
            if not changed.wait(_WATCH_S) and _stamp(file) == known:
                continue
            changed.clear()
            known = _stamp(file)
            if stopped.is_set():
                return
            try:
                control.reload()
            except CiprovError as error:
                tell(Happening(What.REFUSED, str(error), Severity.ERROR))
            except Exception as error:  # whatever it is, the next change is to be followed
                text = f"the settings could not be followed: a fault of ciprov ({type(error).__name__})"
                tell(Happening(What.FAULT, text, Severity.ERROR))

    before = signal.signal(signal.SIGHUP, lambda *_: changed.set())
    thread = threading.Thread(target=follow, name="agents-settings", daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)
        stopped.set()
        changed.set()
        thread.join(_WATCH_S)


def _stamp(file: Path) -> tuple[int, int, int]:
    """What differs once the file was written anew."""
    try:
        found = file.stat()
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_mtime_ns, found.st_size
