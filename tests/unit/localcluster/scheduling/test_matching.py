"""Placement: the funnel of refusals, ports and roles."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.model import Agent, Condition, Instance, Resources
from ciprov.localcluster.scheduling.agents import Ledger
from ciprov.localcluster.scheduling.matching import Placement, Rejection, fixed_ports, match
from ciprov.localcluster.scheduling.rejects import Reason, funnel

NOW = datetime(2024, 1, 1, tzinfo=UTC)
PORTS = frozenset(range(31000, 31010))


def app(**fields: Any) -> App:
    return App.model_validate({"id": "/a", "cpus": 1, "mem": 128, "portDefinitions": [{"port": 0}], **fields})


def agent(name: str = "s0", **fields: Any) -> Agent:
    total = Resources(cpus=4, mem=1024, disk=100, gpus=0, ports=PORTS)
    return replace(Agent(name, f"host-{name}", total), **fields)


def ledger(*agents: Agent) -> Ledger:
    return Ledger.of(agents or (agent(),))


def placed(result: Placement | Rejection) -> Placement:
    assert isinstance(result, Placement), result
    return result


def reasons(result: Placement | Rejection) -> list[Reason]:
    assert isinstance(result, Rejection), result
    return list(result.declined.values())


def test_a_fitting_agent_takes_it_with_a_free_port() -> None:
    result = placed(match(app(), (), ledger()))
    assert (result.agent_id, result.host) == ("s0", "host-s0")
    assert set(result.ports) <= PORTS
    assert result.resources == Resources(1, 128, 0, 0, frozenset(result.ports))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"acceptedResourceRoles": ["prod"]}, Reason.UNFULFILLED_ROLE),
        ({"constraints": [["rack", "IS", "x"]]}, Reason.UNFULFILLED_CONSTRAINT),
        ({"cpus": 4.001}, Reason.INSUFFICIENT_CPUS),
        ({"mem": 1025}, Reason.INSUFFICIENT_MEMORY),
        ({"disk": 101}, Reason.INSUFFICIENT_DISK),
        ({"gpus": 1}, Reason.INSUFFICIENT_GPUS),
        ({"portDefinitions": [{"port": 80}], "requirePorts": True}, Reason.INSUFFICIENT_PORTS),
        ({"portDefinitions": [{"port": 0}] * 11}, Reason.INSUFFICIENT_PORTS),
    ],
)
def test_each_reason(fields: dict[str, Any], reason: Reason) -> None:
    assert reasons(match(app(**fields), (), ledger())) == [reason]


def test_the_first_reason_of_the_funnel_counts() -> None:
    everything = {"cpus": 99, "mem": 9999, "disk": 999, "gpus": 9, "portDefinitions": [{"port": 1}]}
    steps = [
        ({"acceptedResourceRoles": ["x"], "constraints": [["a", "IS", "b"]]}, Reason.UNFULFILLED_ROLE),
        ({"constraints": [["a", "IS", "b"]]}, Reason.UNFULFILLED_CONSTRAINT),
        ({}, Reason.INSUFFICIENT_CPUS),
        ({"cpus": 1}, Reason.INSUFFICIENT_MEMORY),
        ({"cpus": 1, "mem": 1}, Reason.INSUFFICIENT_DISK),
        ({"cpus": 1, "mem": 1, "disk": 1}, Reason.INSUFFICIENT_GPUS),
        ({"cpus": 1, "mem": 1, "disk": 1, "gpus": 0}, Reason.INSUFFICIENT_PORTS),
    ]
    for fields, reason in steps:
        assert reasons(match(app(requirePorts=True, **{**everything, **fields}), (), ledger())) == [reason]


def test_an_agent_that_is_drained_or_lost_makes_no_offers() -> None:
    assert reasons(match(app(), (), ledger(agent(active=False)))) == []
    assert placed(match(app(), (), ledger(agent("s0", active=False, lost=True), agent("s1")))).agent_id == "s1"


def test_every_agent_is_asked_and_says_why() -> None:
    agents = [agent("s0"), agent("s1", total=Resources(cpus=0.5)), agent("s2", role="prod")]
    result = match(app(cpus=4.5), (), ledger(*agents))
    assert isinstance(result, Rejection)
    assert result.declined == {
        "s0": Reason.INSUFFICIENT_CPUS,
        "s1": Reason.INSUFFICIENT_CPUS,
        "s2": Reason.UNFULFILLED_ROLE,
    }


def test_the_funnel_passes_on_what_is_left() -> None:
    steps = funnel(10, {Reason.UNFULFILLED_CONSTRAINT: 3, Reason.INSUFFICIENT_PORTS: 7})
    assert [step[0] for step in steps][:5] == [
        "UnfulfilledRole",
        "UnfulfilledConstraint",
        "NoCorrespondingReservationFound",
        "AgentMaintenance",
        "InsufficientCpus",
    ]
    found = {reason: (declined, processed) for reason, declined, processed in steps}
    assert found["UnfulfilledRole"] == (0, 10)
    assert found["UnfulfilledConstraint"] == (3, 10)
    assert found["InsufficientCpus"] == (0, 7)
    assert found["InsufficientPorts"] == (7, 7)
    assert found["DeclinedScarceResources"] == (0, 0)


def test_roles() -> None:
    reserved = agent(role="prod")
    assert reasons(match(app(), (), ledger(reserved))) == [Reason.UNFULFILLED_ROLE]
    assert reasons(match(app(acceptedResourceRoles=["prod"]), (), ledger(reserved))) == [Reason.UNFULFILLED_ROLE]
    assert placed(match(app(role="prod"), (), ledger(reserved)))
    assert placed(match(app(role="prod"), (), ledger()))
    assert reasons(match(app(role="prod", acceptedResourceRoles=["prod"]), (), ledger())) == [Reason.UNFULFILLED_ROLE]


class TestPorts:
    def test_required_ports_are_fixed_and_zero_is_any(self) -> None:
        definition = app(portDefinitions=[{"port": 31003}, {"port": 0}], requirePorts=True)
        ports = placed(match(definition, (), ledger(), seed="x")).ports
        assert ports[0] == 31003
        assert ports[1] in PORTS - {31003}
        assert fixed_ports(definition) == {31003}

    def test_without_require_ports_the_number_is_only_a_service_port(self) -> None:
        definition = app(portDefinitions=[{"port": 10007}])
        assert placed(match(definition, (), ledger())).ports[0] in PORTS
        assert fixed_ports(definition) == frozenset()

    def test_no_definitions_no_ports(self) -> None:
        assert placed(match(app(portDefinitions=[]), (), ledger())).ports == ()

    @pytest.mark.parametrize(("host_port", "expected"), [(31004, {31004}), (0, PORTS), (None, PORTS)])
    def test_bridge_mappings(self, host_port: int | None, expected: set[int]) -> None:
        definition = app(
            networks=[{"mode": "container/bridge"}],
            container={"portMappings": [{"containerPort": 80, "hostPort": host_port}]},
        )
        assert placed(match(definition, (), ledger())).ports[0] in expected

    def test_a_mapping_on_a_container_network_has_a_host_port_only_where_it_names_one(self) -> None:
        mappings = [
            {"containerPort": 80},
            {"containerPort": 81, "hostPort": 0},
            {"containerPort": 82, "hostPort": 31001},
        ]
        definition = app(networks=[{"mode": "container", "name": "net"}], container={"portMappings": mappings})
        result = placed(match(definition, (), ledger()))
        assert result.ports[0] == 0
        assert result.ports[1] in PORTS - {31001}
        assert result.ports[2] == 31001
        assert len(result.resources.ports) == 2

    def test_a_fixed_port_that_is_taken_waits(self) -> None:
        definition = app(portDefinitions=[{"port": 31003}], requirePorts=True)
        first = placed(match(definition, (), ledger()))
        rest = ledger().take(first.agent_id, first.resources)
        result = match(definition, (), rest)
        assert reasons(result) == [Reason.INSUFFICIENT_PORTS]
        assert isinstance(result, Rejection)
        assert result.blocked_ports == frozenset()

    def test_a_fixed_port_that_a_foreign_process_holds_is_named(self) -> None:
        definition = app(portDefinitions=[{"port": 31003}], requirePorts=True)
        result = match(definition, (), ledger(), unavailable={31003, 31004})
        assert reasons(result) == [Reason.INSUFFICIENT_PORTS]
        assert isinstance(result, Rejection)
        assert result.blocked_ports == {31003}

    def test_dynamic_ports_leave_out_unavailable_ones(self) -> None:
        held = PORTS - {31008}
        assert placed(match(app(), (), ledger(), unavailable=held)).ports == (31008,)
        assert reasons(match(app(), (), ledger(), unavailable=PORTS)) == [Reason.INSUFFICIENT_PORTS]

    def test_the_same_seed_gives_the_same_ports_and_others_spread(self) -> None:
        seeds = [f"task-{number}" for number in range(60)]
        chosen = [placed(match(app(), (), ledger(), seed=seed)).ports for seed in seeds]
        assert chosen == [placed(match(app(), (), ledger(), seed=seed)).ports for seed in seeds]
        assert len(set(chosen)) >= 8

    def test_a_dynamic_port_is_never_the_fixed_one_of_the_same_instance(self) -> None:
        definition = app(portDefinitions=[{"port": 31003}, *[{"port": 0}] * 9], requirePorts=True)
        assert set(placed(match(definition, (), ledger())).ports) == PORTS

    def test_one_host_port_named_twice_never_fits(self) -> None:
        mappings = [{"containerPort": 80, "hostPort": 31001}, {"containerPort": 81, "hostPort": 31001}]
        definition = app(networks=[{"mode": "container/bridge"}], container={"portMappings": mappings})
        assert reasons(match(definition, (), ledger())) == [Reason.INSUFFICIENT_PORTS]


class TestConstraints:
    racks = (
        agent("s0", attributes={"rack": "r1", "kind": "ssd-fast"}),
        agent("s1", attributes={"rack": "r1"}),
        agent("s2", attributes={"rack": "r2"}),
    )

    def on(self, *names: str, condition: Condition = Condition.RUNNING) -> Sequence[Instance]:
        return [
            Instance(f"a.{index}", "/a", "v", condition, NOW, agent_id=name, host=f"host-{name}")
            for index, name in enumerate(names)
        ]

    def allowed(self, constraint: Sequence[str], there: Sequence[Instance], **fields: Any) -> set[str]:
        wanted = app(constraints=[constraint], **fields)
        return {
            each.id
            for each in self.racks
            if isinstance(match(wanted, there, Ledger(self.full(each), self.free(each))), Placement)
        }

    def full(self, _: Agent) -> dict[str, Agent]:
        return {each.id: each for each in self.racks}

    def free(self, one: Agent) -> dict[str, Resources]:
        return {each.id: each.total if each is one else Resources() for each in self.racks}

    @pytest.mark.parametrize(
        ("constraint", "there", "expected"),
        [
            (("hostname", "UNIQUE"), (), {"s0", "s1", "s2"}),
            (("hostname", "UNIQUE"), ("s0",), {"s1", "s2"}),
            (("rack", "UNIQUE"), ("s0",), {"s2"}),
            (("hostname", "CLUSTER"), ("s1",), {"s1"}),
            (("rack", "CLUSTER", "r2"), (), {"s2"}),
            (("rack", "CLUSTER", "r2"), ("s0",), set()),
            (("rack", "CLUSTER"), ("s0",), {"s0", "s1"}),
            (("kind", "LIKE", "ssd-.*"), (), {"s0"}),
            (("kind", "LIKE", "ssd"), (), set()),
            (("kind", "UNLIKE", "ssd-.*"), (), {"s1", "s2"}),
            (("hostname", "LIKE", "host-s[12]"), (), {"s1", "s2"}),
            (("hostname", "UNLIKE", "host-s[12]"), (), {"s0"}),
            (("rack", "LIKE", "["), (), set()),
            (("rack", "IS", "r1"), (), {"s0", "s1"}),
            (("absent", "IS", "x"), (), set()),
            (("absent", "UNIQUE"), (), set()),
            (("rack", "GROUP_BY"), (), {"s0", "s1", "s2"}),
            (("rack", "GROUP_BY"), ("s0",), {"s0", "s1", "s2"}),
            (("rack", "GROUP_BY"), ("s0", "s2"), {"s0", "s1", "s2"}),
            (("rack", "GROUP_BY"), ("s0", "s1", "s2"), {"s2"}),
            (("rack", "MAX_PER", "2"), ("s0",), {"s0", "s1", "s2"}),
            (("rack", "MAX_PER", "2"), ("s0", "s1"), {"s2"}),
            (("rack", "max_per", "1"), ("s2",), {"s0", "s1"}),
            (("rack", "NONSENSE"), (), set()),
        ],
    )
    def test_rules(self, constraint: Sequence[str], there: Sequence[str], expected: set[str]) -> None:
        assert self.allowed(constraint, self.on(*there)) == expected

    @pytest.mark.parametrize(
        ("count", "groups", "there", "expected"),
        [
            (5, "2", (), {"s0", "s1", "s2"}),
            (5, "2", ("s0", "s0"), {"s0", "s1", "s2"}),
            (5, "2", ("s0", "s1", "s0"), {"s2"}),
            (5, "2", ("s0", "s0", "s0", "s2"), {"s2"}),
            (4, "2", ("s0",), {"s0", "s1", "s2"}),
            (4, "2", ("s0", "s1"), {"s2"}),
            (2, "1", ("s0",), {"s0", "s1"}),
        ],
    )
    def test_group_by_with_a_number_gives_each_value_its_share_at_once(
        self, count: int, groups: str, there: Sequence[str], expected: set[str]
    ) -> None:
        assert self.allowed(("rack", "GROUP_BY", groups), self.on(*there), instances=count) == expected

    @pytest.mark.parametrize("seed", [str(number) for number in range(12)])
    def test_group_by_without_a_number_tries_the_emptiest_value_first(self, seed: str) -> None:
        placed = self.on("s0", "s1")
        result = match(app(constraints=[("rack", "GROUP_BY")]), placed, ledger(*self.racks), seed=seed)
        assert isinstance(result, Placement)
        assert result.agent_id == "s2"

    @pytest.mark.parametrize(("wanted", "matches"), [("0.8", True), ("0.80", True), ("0.8001", True), ("0.801", False)])
    def test_numbers_are_compared_as_numbers(self, wanted: str, matches: bool) -> None:
        one = ledger(agent(attributes={"level": "0.8"}))
        result = match(app(constraints=[("level", "IS", wanted)]), (), one)
        assert isinstance(result, Placement) is matches

    def test_instances_of_an_older_configuration_do_not_count(self) -> None:
        version = {"versionInfo": {"lastConfigChangeAt": "w"}}
        assert self.allowed(("hostname", "UNIQUE"), self.on("s0"), **version) == {"s0", "s1", "s2"}

    @pytest.mark.parametrize(
        "condition", [Condition.SCHEDULED, Condition.FINISHED, Condition.KILLED, Condition.UNREACHABLE]
    )
    def test_instances_that_hold_nothing_do_not_count(self, condition: Condition) -> None:
        assert self.allowed(("hostname", "UNIQUE"), self.on("s0", condition=condition)) == {"s0", "s1", "s2"}

    @pytest.mark.parametrize("condition", [Condition.STAGING, Condition.KILLING, Condition.UNREACHABLE_INACTIVE])
    def test_instances_that_come_or_go_count(self, condition: Condition) -> None:
        assert self.allowed(("hostname", "UNIQUE"), self.on("s0", condition=condition)) == {"s1", "s2"}


def test_no_agents_at_all() -> None:
    assert match(app(), (), Ledger.of(())) == Rejection({})


class TestSharedPorts:
    """Agents offer the same ports, of which each has some for itself."""

    two = ledger(agent("s0", share=frozenset({31000})), agent("s1", share=PORTS - {31000}))
    fixed = staticmethod(lambda port: {"portDefinitions": [{"port": port}], "requirePorts": True})

    def asked_in_turn(self, definition: App) -> set[tuple[str, int]]:
        answers = [placed(match(definition, (), self.two, seed=str(seed))) for seed in range(12)]
        return {(each.agent_id, each.ports[0]) for each in answers}

    def test_a_fixed_port_is_to_be_had_on_every_agent(self) -> None:
        assert self.asked_in_turn(app(**self.fixed(31000))) == {("s0", 31000), ("s1", 31000)}

    def test_a_port_that_is_taken_on_one_agent_is_free_on_the_other(self) -> None:
        first = placed(match(app(**self.fixed(31005)), (), self.two))
        second = placed(match(app(**self.fixed(31005)), (), self.two.take(first.agent_id, first.resources)))
        assert {first.agent_id, second.agent_id} == {"s0", "s1"}

    def test_a_dynamic_port_is_of_the_agents_share(self) -> None:
        found = self.asked_in_turn(app())
        assert {port for agent_id, port in found if agent_id == "s0"} == {31000}
        assert 31000 not in {port for agent_id, port in found if agent_id == "s1"}

    def test_a_published_port_belongs_to_one_agent(self) -> None:
        mappings = [{"containerPort": 80, "hostPort": 31000, "servicePort": 0, "protocol": "tcp"}]
        definition = app(
            networks=[{"mode": "container/bridge"}], container={"type": "DOCKER", "portMappings": mappings}
        )
        assert self.asked_in_turn(definition) == {("s0", 31000)}
