"""Asks Jenkins in threads of its own, so that the loop waits for nobody.

One thread looks, some others act. Of the acts for one agent only one is under way at a time. Fences have threads of
their own, as a build that slips in while nodes are slow to be made cannot be sent away.
"""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ciprov.agents.lifecycle import Act
from ciprov.agents.ports import Jenkins
from ciprov.agents.serving.inbox import Acted, Inbox, Looked
from ciprov.domain.jenkins import JenkinsError, JenkinsUnavailable, NewNode, Withdrawn
from ciprov.foundation.clock import Now

_WORKERS = 8
_FENCERS = 4
_TURN = {Act.WITHDRAW: 0, Act.CREATE_NODE: 1, Act.DELETE_NODE: 2}
_AGAIN_S = 0.5
_AGAIN_AT_MOST_S = 15.0
_FORGOTTEN_AFTER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Look:
    """What to ask for. The nodes are always asked before the queue."""

    nodes: bool = True
    queue: bool = True
    server: bool = False


@dataclass(frozen=True, slots=True)
class NodeAct:
    """`new` for CREATE_NODE, `message` for FENCE and WITHDRAW. Each secret that is asked for leaves a warning in
    Jenkins's log.
    """

    agent: str
    act: Act
    new: NewNode | None = None
    message: str = ""
    wants_secret: bool = True


@dataclass(order=True)
class _Turn:
    rank: int
    number: int
    work: NodeAct | None = field(compare=False)


@dataclass(slots=True)
class _Failed:
    times: int
    not_before: datetime


ONE_BUILD = "ciprov: one build for each agent"
"""Why an agent is offline while its build goes on."""


class JenkinsDesk:
    def __init__(self, jenkins: Jenkins, inbox: Inbox, now: Now) -> None:
        self._jenkins = jenkins
        self._inbox = inbox
        self._now = now
        self._turns: queue.PriorityQueue[_Turn] = queue.PriorityQueue()
        self._fences: queue.SimpleQueue[NodeAct | None] = queue.SimpleQueue()
        self._looks: queue.SimpleQueue[Look | None] = queue.SimpleQueue()
        self._numbers = itertools.count()
        self._under_way: set[str] = set()
        self._failed: dict[tuple[str, Act], _Failed] = {}
        self._threads = [threading.Thread(target=self._act, name=f"jenkins-{n}", daemon=True) for n in range(_WORKERS)]
        self._threads += [threading.Thread(target=self._fence, name=f"fence-{n}", daemon=True) for n in range(_FENCERS)]
        self._threads.append(threading.Thread(target=self._look, name="jenkins-look", daemon=True))
        self.looking = False

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """What is under way is not waited for: each act may be repeated by the next life."""
        self._looks.put(None)
        for _ in range(_WORKERS):
            self._turns.put(_Turn(-1, next(self._numbers), None))
        for _ in range(_FENCERS):
            self._fences.put(None)

    def look(self, look: Look) -> None:
        """Begin a look; its `Looked` comes to the inbox. Only one at a time."""
        self.looking = True
        self._looks.put(look)

    def ask(self, work: NodeAct, now: datetime) -> None:
        """Begin an act, unless one for this agent is under way, or failed just before."""
        failed = self._failed.get((work.agent, work.act))
        if work.agent in self._under_way or (failed is not None and now < failed.not_before):
            return
        self._under_way.add(work.agent)
        if work.act in {Act.FENCE, Act.UNFENCE}:
            self._fences.put(work)
        else:
            self._turns.put(_Turn(_TURN[work.act], next(self._numbers), work))

    def fence_at_once(self, agent: str) -> None:
        """From any thread: it does not wait for the loop, nor for what is to be written. It does no harm where the loop
        asks for the same.
        """
        self._fences.put(NodeAct(agent, Act.FENCE, message=ONE_BUILD))

    def is_busy_with(self, agent: str) -> bool:
        return agent in self._under_way

    def heard(self, acted: Acted, now: datetime) -> None:
        """For each `Acted`, first of all."""
        self._under_way.discard(acted.agent)
        key = (acted.agent, acted.act)
        if acted.error is None:
            self._failed.pop(key, None)
            return
        times = self._failed[key].times + 1 if key in self._failed else 1
        wait = min(_AGAIN_S * 2.0 ** min(times - 1, 10), _AGAIN_AT_MOST_S)
        # Those of agents that are gone meanwhile, and of nodes that were swept away, are not asked for again.
        recent = now - _FORGOTTEN_AFTER
        self._failed = {which: failed for which, failed in self._failed.items() if failed.not_before > recent}
        self._failed[key] = _Failed(times, now + timedelta(seconds=wait))

    def answers_again(self) -> None:
        """Jenkins is back: what failed because it was away need not wait any longer, fences least of all."""
        self._failed.clear()

    def forget(self, agent: str) -> None:
        for act in Act:
            self._failed.pop((agent, act), None)

    def _act(self) -> None:
        while (work := self._turns.get().work) is not None:
            self._inbox.put(self._done(work))

    def _fence(self) -> None:
        while (work := self._fences.get()) is not None:
            self._inbox.put(self._done(work))

    def _done(self, work: NodeAct) -> Acted:
        try:
            return _perform(self._jenkins, work)
        except JenkinsError as error:
            return Acted(work.agent, work.act, error=error)
        except Exception as error:  # whatever it is, the agent must not be stuck under way
            return Acted(work.agent, work.act, error=_unexpected(error))

    def _look(self) -> None:
        while (look := self._looks.get()) is not None:
            began = self._now()
            try:
                server = self._jenkins.server() if look.server else None
                nodes = tuple(self._jenkins.nodes()) if look.nodes else None
                items = tuple(self._jenkins.queue()) if look.queue else None
                self._inbox.put(Looked(began, nodes, items, server))
            except JenkinsError as error:
                self._inbox.put(Looked(began, error=error))
            except Exception as error:
                self._inbox.put(Looked(began, error=_unexpected(error)))


def _perform(jenkins: Jenkins, work: NodeAct) -> Acted:
    if work.act is Act.CREATE_NODE and work.new is not None:
        jenkins.create_node(work.new)
        return Acted(work.agent, work.act, secret=jenkins.secret(work.agent) if work.wants_secret else None)
    if work.act is Act.WITHDRAW:
        became = jenkins.withdraw(work.agent, work.message)
        found, starting = became is not Withdrawn.GONE, became is Withdrawn.STARTING
        return Acted(work.agent, work.act, found=found, starting=starting)
    do: dict[Act, Callable[[], bool]] = {
        Act.FENCE: lambda: jenkins.fence(work.agent, work.message),
        Act.UNFENCE: lambda: jenkins.unfence(work.agent),
        Act.DELETE_NODE: lambda: jenkins.delete_node(work.agent),
    }
    return Acted(work.agent, work.act, found=do[work.act]())


def _unexpected(error: Exception) -> JenkinsError:
    return JenkinsUnavailable(
        f"an answer of Jenkins could not be understood ({type(error).__name__})",
        way_out="This is a fault of ciprov; it is tried again.",
    )
