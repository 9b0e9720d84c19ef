import time
from dataclasses import replace
from pathlib import Path

import pytest
from demand_cases import NOW, item, policy, seen
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from ciprov.agents.queue.asked_labels import Agent
from ciprov.agents.queue.demand import Demand, Policy, Seen, TemplateLabels, demand, job_name
from ciprov.agents.queue.labels import parse
from ciprov.agents.queue.matching import Place, Wish, matched

CASES = Path(__file__).parents[3] / "cases" / "demand"


def cases():
    return [
        pytest.param(case, id=f"{file.stem}: {case['name']}")
        for file in sorted(CASES.glob("*.yaml"))
        for case in YAML(typ="safe").load(file)
    ]


def wanted(result: Demand) -> dict[int, str]:
    return {
        need.item_id: " ".join(filter(None, [need.template, need.unique_label, "early" if need.early else ""]))
        for need in result.needs
    }


@pytest.mark.parametrize("case", cases())
def test_demand(case):
    result = demand(seen(case), policy(case), NOW)
    assert wanted(result) == case.get("wanted", {})
    assert {each.item_id: str(each.why) for each in result.spared} == case.get("spared", {})
    assert list(result.unused) == case.get("unused", [])
    assert sorted(result.resumed) == case.get("resumed", [])
    assert all(each.reason for each in result.spared)
    if "remembers" in case:
        assert {number: label for (number, _), label in result.labels.items()} == case["remembers"]


def test_an_id_that_jenkins_gives_again_after_it_was_killed_is_another_item():
    case = {"templates": {"gpu": ["gpu"], "lab": ["lab"]}, "nodes": {"a1": {"labels": ["lab"], "offline": True}}}
    told = [{"id": 2, "pipeline": True, "why": "There are no nodes with the label ‘gpu’"}]
    before = demand(seen({**case, "items": told}), policy(case), NOW)
    now = seen({**case, "items": [{**told[0], "why": "There are no nodes with the label ‘lab’"}]})
    assert wanted(demand(replace(now, labels=before.labels), policy(case), NOW)) == {2: "gpu"}
    later = [replace(each, since=NOW) for each in now.items]
    assert wanted(demand(replace(now, items=later, labels=before.labels), policy(case), NOW)) == {2: "lab"}


def test_what_is_launched_is_not_wanted_again():
    case = {"templates": {"lab": ["lab"]}, "items": [{"id": n, "label": "lab"} for n in range(5)]}
    first = demand(seen(case), policy(case), NOW)
    agents = [Agent(f"ours-{need.item_id}", need.template, frozenset({"lab"})) for need in first.needs]
    assert len(first.needs) == 5
    assert demand(replace(seen(case), agents=agents), policy(case), NOW).needs == ()


def test_the_oldest_item_comes_first():
    case = {"templates": {"lab": ["lab"]}, "items": [{"id": n, "label": "lab"} for n in (3, 1, 2)]}
    case["agents"] = {"ours": {"template": "lab", "labels": ["lab"]}}
    assert [need.item_id for need in demand(seen(case), policy(case), NOW).needs] == [2, 3]


def test_a_burst_on_a_large_cluster_is_decided_at_once():
    items = [item({"id": n, "label": f"l{n % 40} && !x"}) for n in range(3000)]
    items += [item({"id": n, "label": f"ciprov.u.{n}"}) for n in range(3000, 4000)]
    agents = [Agent(f"ours-{n}", "t", frozenset({f"l{n % 50}", f"m{n % 7}"})) for n in range(1000)]
    templates = [TemplateLabels(f"t{n}", frozenset({f"l{n}"}), unique_prefix="ciprov.u.") for n in range(40)]
    before = time.process_time()
    result = demand(Seen(items, [], agents), Policy(templates), NOW)
    assert time.process_time() - before < 2
    assert len(result.needs) == 4000 - 800


NAMES = ["a", "b", "c"]
PLACES = st.builds(Place, st.frozensets(st.sampled_from(NAMES)), st.booleans(), st.booleans())
TEXTS = st.sampled_from(["", "a", "b", "a&&b", "!a", "a||c", "b->c", "a<->c"])
WISHES = st.builds(lambda text, own: Wish(text, parse(text) if text else None, own_only=own), TEXTS, st.booleans())


def most_served(wishes: list[Wish], places: list[Place]) -> int:
    if not wishes:
        return 0
    first, rest = wishes[0], wishes[1:]
    options = [most_served(rest, places)]
    for index, place in enumerate(places):
        if first.fits(place):
            options.append(1 + most_served(rest, places[:index] + places[index + 1 :]))
    return max(options)


@given(st.lists(WISHES, max_size=5), st.lists(PLACES, max_size=4))
def test_as_many_as_possible_are_served_and_no_place_twice(wishes, places):
    result = matched(wishes, places).served
    assert sum(result) == most_served(wishes, places)
    # An earlier wish is never left out for a later one.
    for index, at_hand in enumerate(result):
        before = [wish for wish, taken in zip(wishes[:index], result, strict=False) if taken]
        assert at_hand == (most_served([*before, wishes[index]], places) == len(before) + 1)


@given(st.lists(WISHES, max_size=5), st.lists(PLACES, max_size=5))
def test_what_is_left_over_is_the_last_that_can_be(wishes, places):
    result = matched(wishes, places)
    best = [wish for wish, at_hand in zip(wishes, result.served, strict=True) if at_hand]
    left: list[int] = []
    for index in reversed(range(len(places))):
        rest = [place for other, place in enumerate(places) if other not in {*left, index}]
        if most_served(best, rest) == len(best):
            left.append(index)
    assert sorted(result.unused) == sorted(left)
    assert len(places) - len(left) == len(best)


@given(st.permutations(range(6)))
def test_the_order_of_the_answer_makes_no_difference(order):
    texts = ["a", "b", "a&&b", "!a", "a||c", "c"]
    items = [item({"id": n, "label": texts[n]}) for n in range(6)]
    agents = [Agent("x", "t", frozenset("ab")), Agent("y", "t", frozenset("c"))]
    rules = Policy([TemplateLabels("t", frozenset("abc"))])
    assert demand(Seen([items[n] for n in order], [], agents), rules, NOW) == demand(
        Seen(items, [], agents), rules, NOW
    )


def test_an_agent_for_one_item_alone_has_no_label_that_others_ask_for():
    templates = [TemplateLabels("maven", frozenset({"linux", "maven"}), unique_prefix="ciprov.maven.")]
    texts = ["ciprov.maven.aa", "ciprov.maven.bb && linux", "maven"]
    items = [item({"id": n, "label": text}) for n, text in enumerate(texts)]
    needs = demand(Seen(items, []), Policy(templates), NOW).needs
    assert [(need.labels, need.unique_label) for need in needs] == [
        ({"ciprov.maven.aa"}, "ciprov.maven.aa"),
        ({"linux", "maven", "ciprov.maven.bb"}, "ciprov.maven.bb"),
        ({"linux", "maven"}, ""),
    ]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://ci/jenkins/job/two/", "two"),
        ("job/pipe/2/", "pipe"),
        ("http://ci/job/team/job/app/job/feature%2Fx/12/", "team/app/feature/x"),
        ("http://ci/view/all/job/my%20job/", "my job"),
        ("http://[wrongly-set]/job/two/?x=/job/y", "two"),
        ("http://job/job/two/", "two"),
        ("", ""),
    ],
)
def test_a_job_is_known_by_its_full_name(url, name):
    assert job_name(url) == name
