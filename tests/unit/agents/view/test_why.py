import json
from dataclasses import replace
from datetime import timedelta

import pytest
from agent_snapshots import BUSY_DAY, EMPTY, JENKINS, MESOS, NOW, RULES, ago, item, need, record, spared

from ciprov.agents.queue.anchors import anchors
from ciprov.agents.queue.demand import Demand, Spare
from ciprov.agents.record import Phase
from ciprov.agents.template import Rules
from ciprov.agents.view.snapshot import Pause
from ciprov.agents.view.why import why
from ciprov.domain.jenkins import Node, NodeMark, QueueItem, Stage
from ciprov.framework.decisions import Funnel, Held, Lack, Refusal

ONE_WANTED = replace(EMPTY, items=(item(1),), demand=Demand(needs=(need(1),)))
PAUSE = Pause("linux", "task_failed", "no such image", 3, NOW + timedelta(minutes=30), final=True)
FUNNEL = Funnel({Lack.MEM: 2}, "host-1", Refusal(Lack.MEM, "it has 256 MB of 512"))
ON_ITS_WAY = replace(
    ONE_WANTED,
    agents={"linux-1": record("linux-1", phase=Phase.NODE_CREATED, item_id=1)},
    demand=Demand(spared=(spared(1, Spare.SERVED),)),
)

ANSWERS = {
    "not a label": (
        EMPTY,
        "linux &&",
        "'linux &&' is no label expression: a label is expected instead of the end at column 9.",
    ),
    "no template": (
        EMPTY,
        "linx && !arm",
        "No template's agents have what 'linx&&!arm' asks for.",
    ),
    "no template, yet a node of others": (
        BUSY_DAY,
        "static",
        "No template's agents have what 'static' asks for; these nodes of others have: static.",
    ),
    "no label, and all agents are reserved": (
        EMPTY,
        " ",
        "Builds without a label get no agents: the agents of all templates are reserved for those that ask for "
        "a label.",
    ),
    "Jenkins is down": (
        replace(ONE_WANTED, jenkins=replace(JENKINS, up=False, message="connection refused")),
        "linux",
        "Nothing is known of Jenkins's queue now: Jenkins does not answer since 2026-03-01 11:00:00 UTC: "
        "connection refused.",
    ),
    "Jenkins is down, with a way out": (
        replace(ONE_WANTED, jenkins=replace(JENKINS, up=False, since=None, message="nothing listens\n  start it")),
        "linux",
        "Nothing is known of Jenkins's queue now: Jenkins does not answer: nothing listens; start it.",
    ),
    "Jenkins shows nothing": (
        replace(EMPTY, jenkins=replace(JENKINS, message="items wait: Job/Read lacks; grant it")),
        "linux",
        "Items wait: Job/Read lacks.",
    ),
    "paused": (
        replace(ONE_WANTED, rules=Rules(RULES.service, RULES.templates[:1]), pauses=(PAUSE,)),
        "linux",
        "1 item waits for 'linux': template linux is paused until 2026-03-01 12:30:00 UTC: it failed 3 times in a "
        "row: task_failed (no such image).",
    ),
    "drained, and nothing waits": (
        replace(EMPTY, drained=frozenset({"arm"})),
        "arm",
        "Nothing waits for 'arm' now, and nothing would get an agent: template arm is drained.",
    ),
    "Mesos is down": (
        replace(ONE_WANTED, mesos=replace(MESOS, up=False, since=None)),
        "linux",
        "1 item waits for 'linux', and there is no place for agents: Mesos does not answer.",
    ),
    "capped": (
        replace(ONE_WANTED, capped={1: "template linux has 50 agents, which is its most"}),
        "linux",
        "1 item waits for 'linux'; item 1 gets no agent now: template linux has 50 agents, which is its most.",
    ),
    "some are blocked": (
        replace(
            EMPTY,
            items=(item(1), item(2), item(3)),
            demand=Demand(
                needs=(need(1),),
                spared=(spared(2, Spare.THROTTLED, "Already running 1 build"), spared(3, Spare.BLOCKED)),
            ),
        ),
        "linux",
        "3 items wait for 'linux'; 2 of them, the first is item 2, get no agent now: throttled: Already "
        "running 1 build.",
    ),
    "no place": (
        replace(ON_ITS_WAY, held={"linux-1": Held("linux-1", "no agent has room", FUNNEL)}),
        "linux",
        "1 item waits for 'linux'; agent linux-1 of template linux has no place: no agent has room; "
        "2 agents refuse it (2 by mem); host-1 came closest: it has 256 MB of 512.",
    ),
    "no place, and it is told once": (
        replace(
            ON_ITS_WAY,
            held={"linux-1": Held("linux-1", f"no agent seen so far is large enough: {FUNNEL}", FUNNEL, never=True)},
        ),
        "linux",
        "1 item waits for 'linux'; agent linux-1 of template linux has no place: no agent seen so far is large enough: "
        "2 agents refuse it (2 by mem); host-1 came closest: it has 256 MB of 512.",
    ),
    "on its way": (
        ON_ITS_WAY,
        "linux",
        "1 item waits for 'linux', and each has an agent of template linux or gets one.",
    ),
    "in its quiet period": (
        replace(EMPTY, items=(item(1),), demand=Demand(spared=(spared(1, Spare.QUIET),))),
        "linux",
        "1 item waits for 'linux', and each has an agent of template linux or gets one.",
    ),
    "nothing waits, and an agent is idle": (
        replace(EMPTY, agents={"arm-1": record("arm-1", "arm"), "arm-2": record("arm-2", "arm", Phase.BUSY)}),
        "arm",
        "Nothing waits for 'arm' now; agent arm-1 is idle and takes the next build that does.",
    ),
    "nothing waits": (
        EMPTY,
        "arm || gpu",
        "Nothing waits for 'arm||gpu' now; an agent of template gpu is made as soon as something does.",
    ),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_the_answer_is_one_sentence(case):
    snapshot, label, expected = ANSWERS[case]
    found = why(snapshot, label, NOW)
    assert found.answer == expected
    json.dumps(found.as_json())


def test_what_is_no_label_is_told_with_its_column():
    found = why(EMPTY, "linux && || arm", NOW)
    assert (found.parses, found.column) == (False, 10)
    assert "linux && (gpu || !arm)" in found.way_out


def test_a_label_that_is_nearly_one_is_named():
    assert why(EMPTY, "linx", NOW).way_out.endswith("there is no label linx; did you mean linux?")


def test_the_templates_that_fit_with_the_one_that_is_chosen():
    assert [(fit.template, fit.chosen, fit.agents) for fit in why(BUSY_DAY, "linux", NOW).templates] == [
        ("linux", True, 2),
        ("gpu", False, 0),
    ]
    hindered = replace(EMPTY, drained=frozenset({"linux"}))
    assert [(fit.template, fit.chosen, fit.hindered) for fit in why(hindered, "linux", NOW).templates] == [
        ("linux", False, "drained"),
        ("gpu", True, ""),
    ]


def test_a_template_that_is_full_is_passed_over_for_another_that_fits_and_one_that_only_waits_is_not():
    many = {f"linux-{number}": record(f"linux-{number}") for number in range(50)}
    assert [fit.chosen for fit in why(replace(EMPTY, agents=many), "linux", NOW).templates] == [False, True]
    waits = replace(EMPTY, pauses=(replace(PAUSE, failures=1, final=False),))
    found = why(waits, "linux", NOW).templates[0]
    assert found.chosen
    assert found.hindered == (
        "not tried again before 2026-03-01 12:30:00 UTC: it failed once: task_failed (no such image)"
    )


def test_an_agent_of_its_own_for_a_label_with_the_prefix():
    (fit,) = why(EMPTY, "once-7", NOW).templates
    assert (fit.template, fit.chosen, fit.unique_label) == ("linux", True, "once-7")


def test_the_items_that_ask_for_it_however_it_is_written_the_oldest_first():
    items = (item(3, "linux  && small"), item(2, "linux"), item(1, "(linux)&&small", since=ago(60)))
    found = why(replace(EMPTY, items=items, demand=Demand(needs=(need(3), need(1)))), "linux && small", NOW)
    assert [(one.item, one.seconds) for one in found.items] == [(1, 60.0), (3, 30.0)]


def test_a_pipeline_asks_for_what_was_told_of_it_before():
    pipeline = QueueItem(1, Stage.BUILDABLE, "Waiting for next available executor on ‘linux-1’", since=ago(1))
    told = replace(EMPTY, items=(pipeline,), demand=Demand(needs=(need(1),), labels={(1, ago(1)): "linux"}))
    assert [one.item for one in why(told, "linux", NOW).items] == [1]


def test_items_whose_label_is_hidden_may_ask_for_it():
    hidden = QueueItem(1, Stage.BUILDABLE, "Waiting for next available executor on ‘static’", since=ago(1))
    found = why(replace(EMPTY, items=(hidden,), nodes=(Node("static"),)), "linux", NOW)
    assert found.items == ()
    assert found.notes[0].startswith("1 item more may ask for it: Jenkins names the node 'static'")


def test_the_nodes_that_have_it_and_our_agents_that_may_still_take_it():
    nodes = (
        *BUSY_DAY.nodes,
        Node("away", frozenset({"linux"}), offline=True, offline_reason="disk full"),
        Node("kept", frozenset({"linux"}), offline=True, fenced=True, idle=False),
        Node("left", frozenset({"linux"}), offline=True, mark=NodeMark("ciprov", "gpu")),
        Node("theirs", frozenset({"linux"}), offline=True, mark=NodeMark("another", "gpu")),
        *(Node(anchor.name, frozenset(anchor.labels), offline=True) for anchor in anchors(RULES)),
    )
    found = why(replace(BUSY_DAY, nodes=nodes), "linux", NOW)
    assert [(one.node, one.state, one.ours) for one in found.nodes] == [
        ("linux-1", "busy", True),
        ("static", "idle", False),
        ("away", "offline: disk full", False),
        ("kept", "set offline, busy", False),
        ("left", "offline", True),
        ("theirs", "offline", False),
    ]
    assert [(one.agent, one.phase, one.item) for one in found.agents] == [("linux-2", "connecting", 11)]


def test_a_service_that_does_not_look_any_more_is_noted():
    assert why(EMPTY, "linux", NOW + timedelta(minutes=5)).notes == ("the service has not looked for 300 s",)
