from hypothesis import given
from hypothesis import strategies as st
from label_truth import labels_in

from ciprov.clients.jenkins.records import (
    config_mark,
    items_waited,
    mark_in,
    marked,
    node,
    node_form,
    nodes,
    queue_items,
)
from ciprov.domain.jenkins import NewNode, NodeMark, Stage

FREESTYLE = "hudson.model.FreeStyleProject"


def item(kind: str = "Buildable", **fields):
    return {"_class": f"hudson.model.Queue${kind}Item", "id": 1, "task": {"_class": FREESTYLE}, **fields}


def stages(*items):
    return [each.stage for each in queue_items({"items": list(items)})]


def test_the_stage_of_an_item_is_its_class_and_whether_it_is_assigned():
    assert stages(item(), item(pending=True), item("Waiting"), item("Blocked"), item("Left")) == [
        Stage.BUILDABLE,
        Stage.PENDING,
        Stage.WAITING,
        Stage.BLOCKED,
        Stage.LEFT,
    ]
    assert stages({"_class": "org.example.Queue$OddItem", "id": 2}) == [Stage.OTHER]


def test_no_label_is_another_thing_than_a_label_that_is_not_told():
    told = [
        queue_items({"items": [item(task=task)]})[0].label
        for task in ({"labelExpression": "lab"}, {"labelExpression": None}, {})
    ]
    assert told == ["lab", "", None]


def test_nothing_is_there():
    assert queue_items({}) == nodes({"computer": None}) == []
    empty = node({})
    assert empty is not None
    assert (empty.name, empty.mark) == ("", None)


def test_what_is_left_of_a_deleted_node_while_its_build_ends_is_none():
    """As Jenkins tells it then."""
    left = {
        "_class": "hudson.slaves.SlaveComputer",
        "assignedLabels": [],
        "description": "",
        "displayName": "a1",
        "executors": [{"currentExecutable": {"url": "http://j/job/a/1/", "number": 1}}],
        "idle": False,
        "numExecutors": 0,
        "offline": True,
        "temporarilyOffline": True,
    }
    there = left | {"displayName": "a2", "assignedLabels": [{"name": "a2"}]}
    built_in = {"_class": "hudson.model.Hudson$MasterComputer", "assignedLabels": [], "displayName": "Built-In Node"}
    assert node(left) is None
    assert [each.name for each in nodes({"computer": [left, there, built_in]})] == ["a2", "Built-In Node"]


WORDS = st.from_regex(r"[A-Za-z0-9][\w.-]{0,10}", fullmatch=True).filter(str.isascii)


@given(st.text(max_size=30), WORDS, st.one_of(st.just(""), WORDS))
def test_a_mark_is_found_again(description, service, template):
    mark = NodeMark(service, template)
    assert mark_in(marked(description, mark)) == mark


def test_a_mark_is_found_in_a_config_that_a_person_saved_with_another_line():
    assert config_mark("  <description>x [ciprov service=s template=t]&#xd;\n</description>") == NodeMark("s", "t")


def test_other_descriptions_bear_no_mark():
    for text in ("", "[ciprov]", "[ciprov service=]", "[ciprov service=a] by hand", "like [ciprov service=a], mine"):
        assert mark_in(text) is None


@given(st.frozensets(st.text("ab \"\\'&!", min_size=1, max_size=6).filter(str.strip), max_size=4))
def test_labels_with_blanks_and_quotes_come_through_the_form(labels):
    text = node_form(NewNode("n", tuple(labels), "/srv"), NodeMark("s"))["labelString"]
    assert labels_in(text) == {*labels, "n"}


def test_a_node_has_one_executor_and_its_mode():
    form = node_form(NewNode("n", (), "/srv", web_socket=False, exclusive=False), NodeMark("s", "t"))
    assert (form["numExecutors"], form["mode"], form["launcher"]["webSocket"]) == ("1", "NORMAL", False)
    assert node_form(NewNode("n", (), "/srv"), NodeMark("s"))["mode"] == "EXCLUSIVE"
    assert form["nodeDescription"] == "[ciprov service=s template=t]"


def test_times_that_are_as_far_off_as_no_date_goes_are_left_out():
    item = {"id": 7, "timestamp": 10**18, "inQueueSince": 10**30, "buildableStartMilliseconds": -(10**18)}
    found = queue_items({"items": [item]})[0]
    assert (found.starts_at, found.since, found.buildable_since) == (None, None, None)


def waited(*history: float) -> bool:
    return items_waited({"queueLength": {"sec10": {"history": list(history)}}})


def test_an_item_waits_where_the_mean_is_above_what_is_left_of_earlier_ones():
    assert waited(0.1, 0.0)
    assert waited(0.99914056, 0.9990451)
    assert waited(9.1, 10.0)
    assert not waited(0.9, 1.0)
    assert not waited(0.0, 0.0)
    assert not waited(9.0, 10.0)


def test_what_tells_no_load_tells_of_no_item():
    assert not waited()
    assert not waited(0.1)
    assert not items_waited({})
    assert not waited(None, "1")
    assert not items_waited({"queueLength": {"sec10": {}}})
