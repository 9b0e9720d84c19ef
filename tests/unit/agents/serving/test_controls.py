"""Signals of agents: who may give them, and what they do at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ciprov.agents.record import AgentRecord, Phase, encode
from ciprov.agents.serving.controls import ServiceControl
from ciprov.agents.serving.inbox import Inbox, Signalled
from ciprov.agents.serving.roster import digest
from ciprov.agents.serving.service import AgentService, Parts
from ciprov.agents.start.task import Site
from ciprov.agents.template import Rules
from ciprov.agents.view.snapshot import Peer, Snapshot
from ciprov.domain.agents import Key
from ciprov.domain.mesos_scheduler import Framework
from ciprov.foundation.errors import CiprovError, UsageError
from ciprov.foundation.json import JsonObject

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
AGENT = AgentRecord("a1", "maven", ("maven",), NOW, NOW, Phase.ONLINE, token_digest=digest("token"))


class Service:
    """Notes whom it is to fence."""

    def __init__(self, *agents: AgentRecord) -> None:
        self.inbox = Inbox()
        known = {agent.name: agent for agent in agents}
        self.snapshot = Snapshot(NOW, Rules(), Peer("j"), Peer("m"), agents=known)
        self.fenced: list[str] = []

    def fence_at_once(self, agent: str) -> None:
        self.fenced.append(agent)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} is not asked for")


def read() -> tuple[Rules, tuple[str, ...]]:
    return Rules(), ()


def signalled(service: Service, agent: str, token: str) -> bool:
    return ServiceControl(service, read).signal(agent, token, ["job"])


def test_an_idle_agent_is_fenced_without_waiting_for_the_loop() -> None:
    service = Service(AGENT)
    assert signalled(service, "a1", "token")
    assert service.fenced == ["a1"]
    assert service.inbox.take(0) == [Signalled("a1", ("job",))]


@pytest.mark.parametrize("phase", [Phase.BUSY, Phase.FENCED, Phase.ENDED])
def test_one_that_takes_no_build_any_more_is_not_fenced_again(phase: Phase) -> None:
    service = Service(replace(AGENT, phase=phase))
    assert signalled(service, "a1", "token")
    assert service.fenced == []


@pytest.mark.parametrize(("agent", "token"), [("a1", "other"), ("a2", "token"), ("a1", "")])
def test_without_its_token_nothing_is_done(agent: str, token: str) -> None:
    service = Service(AGENT, replace(AGENT, name="a3", token_digest=""))
    assert not signalled(service, agent, token)
    assert service.fenced == []
    assert service.inbox.take(0) == []


def test_an_agent_that_has_no_token_yet_cannot_signal() -> None:
    service = Service(replace(AGENT, token_digest=""))
    assert not signalled(service, "a1", "")


class Kept:
    """A store with what an earlier life wrote, and a Jenkins that is only named."""

    target = "jenkins"

    def load(self) -> Mapping[Key, JsonObject]:
        return {Key("agent", "a1"): encode(AGENT)}


def test_agents_of_an_earlier_life_may_signal_before_the_loop_begins() -> None:
    kept: Any = Kept()
    parts = Parts(kept, lambda: kept, kept, kept, Framework("ciprov", ("*",)), Site("", "", "ciprov"), "mesos")
    service = AgentService(parts, Rules(), lambda _: None, lambda: NOW)
    assert not ServiceControl(service, read).signal("a1", "token", ["job"])
    service.recover()
    assert ServiceControl(service, read).signal("a1", "token", ["job"])


def test_settings_that_are_wrong_change_nothing_which_is_told() -> None:
    def wrong() -> tuple[Rules, tuple[str, ...]]:
        raise CiprovError("s.yaml:1:1: no valid YAML")

    with pytest.raises(CiprovError, match=r"^the settings stay as they were: s\.yaml:1:1: no valid YAML$"):
        ServiceControl(Service(), wrong).reload()


def test_a_name_that_was_never_there_is_not_killed_and_no_other_is_proposed() -> None:
    with pytest.raises(UsageError, match=r"^there is no agent 'a2'\n"):
        ServiceControl(Service(AGENT), read).kill(["a2"])
