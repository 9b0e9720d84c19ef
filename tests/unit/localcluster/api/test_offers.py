from __future__ import annotations

from datetime import UTC, datetime

from ciprov.localcluster.api.offers import unused_offers
from ciprov.localcluster.model import Agent, Resources

AT = datetime(2026, 1, 2, 3, 4, 5, 6000, tzinfo=UTC)


def test_one_offer_for_each_agent_that_refused() -> None:
    total = Resources(cpus=4, mem=1024, ports=frozenset({31000, 31001, 31005}))
    agents = [
        Agent("agent-1", "host-1", total, {"rack": "r1", "speed": "2.5"}, role="web"),
        Agent("agent-2", "host-2", total),
        Agent("agent-3", "host-3", total, active=False),
    ]
    refusals = {"agent-1": "InsufficientPorts", "agent-3": "InsufficientCpus", "gone": "InsufficientCpus"}
    (found,) = unused_offers(refusals, agents, {agent.id: total for agent in agents}, AT)
    assert found["reason"] == ["InsufficientPorts"]
    assert found["timestamp"] == "2026-01-02T03:04:05.006Z"
    offer = found["offer"]
    assert (offer["agentId"], offer["hostname"]) == ("agent-1", "host-1")
    assert offer["attributes"] == [{"name": "rack", "text": "r1"}, {"name": "speed", "scalar": 2.5}]
    assert {each["name"]: each.get("scalar", each.get("ranges")) for each in offer["resources"]} == {
        "cpus": 4,
        "mem": 1024,
        "ports": [{"begin": 31000, "end": 31001}, {"begin": 31005, "end": 31005}],
    }
    assert {each["role"] for each in offer["resources"]} == {"web"}
