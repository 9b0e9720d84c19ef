"""What Jenkins tells of items that wait, and of the labels that they ask for."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from datetime import timedelta

import pytest
import requests
from jenkins_controllers import Controller, Names, item, node_of, waits
from jenkins_http import JenkinsHttp, wait_for

from ciprov.agents.queue.anchors import anchors
from ciprov.agents.template import Rules, ServiceRules, Template
from ciprov.clients.jenkins.client import HttpJenkins
from ciprov.domain.jenkins import NewNode, Stage
from ciprov.framework.requests import Wanted

STEP = "org.jenkinsci.plugins.workflow.support.steps.ExecutorStepExecution$PlaceholderTask"


def test_the_label_of_a_job_and_what_it_waits_for(jenkins: HttpJenkins, by_hand: JenkinsHttp, own: Names) -> None:
    job, label, other = own("job"), own("label"), own("other")
    by_hand.freestyle(job, f"{label} && !{other}")
    jenkins.create_node(NewNode(own("elsewhere"), (other,), "/srv/agent"))
    found = waits(jenkins, by_hand.build(job))
    assert (found.stage, found.label, found.task_name) == (Stage.BUILDABLE, f"{label} && !{other}", job)
    assert found.why == f"There are no nodes with the label ‘{label}&&!{other}’"
    assert found.task_class == "hudson.model.FreeStyleProject"
    assert found.task_url.endswith(f"/job/{job}/")
    assert found.stuck
    assert found.since is not None
    assert found.buildable_since is not None
    assert found.starts_at is None
    for number, text in enumerate([f"‘{own('n0')}’ is offline", f"All nodes of label ‘{label}’ are offline"]):
        jenkins.create_node(NewNode(own(f"n{number}"), (label,), "/srv/agent"))
        wait_for(
            lambda text=text: (
                (seen := item(jenkins, found.id)) is not None
                and seen.why == text.replace(f"‘{label}’", f"‘{label}&&!{other}’")
            )
        )


@pytest.mark.parametrize(
    ("label", "told", "why"),
    [
        ('"two {0}"', '"two {0}"', "There are no nodes with the label ‘two {0}’"),
        ('"two {0}" && x', '"two {0}" && x', 'There are no nodes with the label ‘"two {0}"&&x’'),
        ('a@b&&( "{0}" )', 'a@b&&( "{0}" )', 'There are no nodes with the label ‘"a@b"&&({0})’'),
        # What is no expression is one name for Jenkins.
        ("it's{0}", "it's{0}", "There are no nodes with the label ‘it's{0}’"),
        ("{0} &&", '"{0} &&"', "There are no nodes with the label ‘{0} &&’"),
        # The built-in node fits, which is online though it may have no executors; and one more does.
        ("!{0} && built-in || {0}2", "!{0} && built-in || {0}2", "Waiting for next available executor on ‘{1}’"),
    ],
)
def test_how_labels_are_told(
    jenkins: HttpJenkins, by_hand: JenkinsHttp, own: Names, label: str, told: str, why: str
) -> None:
    job, name = own("job"), own("x")
    by_hand.freestyle(job, label.format(name))
    jenkins.create_node(NewNode(own("n"), (f"{name}2",), "/srv/agent"))
    found = waits(jenkins, by_hand.build(job))
    expression = f"!{name}&&built-in||{name}2"
    assert (found.label, found.why) == (told.format(name), why.format(name, expression))
    assert not found.stuck or "no nodes" in found.why


def test_a_label_that_only_the_built_in_node_has(jenkins: HttpJenkins, by_hand: JenkinsHttp, own: Names) -> None:
    job, name = own("job"), own("x")
    by_hand.freestyle(job, f"built-in && !{name}")
    jenkins.create_node(NewNode(own("n"), (name,), "/srv/agent"))
    if any(node.built_in and node.executors for node in jenkins.nodes()):
        pytest.skip("its built-in node runs builds")
    found = waits(jenkins, by_hand.build(job))
    assert (found.why, found.stuck) == ("Waiting for next available executor on ‘Built-In Node’", False)


def test_a_job_with_a_wrong_label_leaves_the_labels_of_nodes_alone(
    jenkins: HttpJenkins, by_hand: JenkinsHttp, own: Names
) -> None:
    """Jenkins takes such a text for one label, and knows it from then on."""
    job, name, labels = own("job"), own("n"), (own("one"), own("two"))
    by_hand.freestyle(job, " ".join(labels))
    found = waits(jenkins, by_hand.build(job))
    assert found.label == '"' + " ".join(labels) + '"'
    jenkins.create_node(NewNode(name, labels, "/srv/agent"))
    assert node_of(jenkins, name).labels == {name, *labels}


def test_the_label_of_a_pipeline_stands_only_in_the_text(
    controller: Controller, jenkins: HttpJenkins, by_hand: JenkinsHttp, own: Names
) -> None:
    controller.needs("workflow-job")
    job, label = own("pipe"), own("label")
    by_hand.pipeline(job, label)
    jenkins.create_node(NewNode(own("elsewhere"), ("x",), "/srv/agent"))
    by_hand.build(job)
    why = f"There are no nodes with the label ‘{label}’"
    # For a moment it is told that it has finished waiting.
    wait_for(lambda: any(job in each.task_name and each.why == why for each in jenkins.queue()))
    (found,) = [each for each in jenkins.queue() if job in each.task_name]
    assert (found.label, found.task_class) == (None, STEP)
    assert found.task_url.endswith(f"job/{job}/1/")


def test_anchors_make_jenkins_tell_what_a_pipeline_wants_to_be_there_and_what_not(
    controller: Controller, jenkins: HttpJenkins, by_hand: JenkinsHttp, own: Names
) -> None:
    controller.needs("workflow-job")
    windows, service = own("windows"), own("s")
    template = Template("t", (windows,), Wanted(cpus=1))
    for anchor in anchors(Rules(ServiceRules(name=service), (template,))):
        jenkins.create_node(replace(anchor, name=own(anchor.name)))
    for label, why in (
        (windows, f"All nodes of label ‘{windows}’ are offline"),
        (f"!{windows}", f"Waiting for next available executor on ‘!{windows}’"),
    ):
        job = own("not" if label.startswith("!") else "is")
        by_hand.pipeline(job, label)
        by_hand.build(job)
        wait_for(lambda job=job, why=why: any(job in each.task_name and each.why == why for each in jenkins.queue()))
        by_hand.discard(f"job/{job}/1/stop")


def test_the_quiet_period_tells_its_end(jenkins: HttpJenkins, by_hand: JenkinsHttp, own: Names) -> None:
    job = own("job")
    by_hand.freestyle(job, own("label"))
    found = item(jenkins, by_hand.build(job, delay="50sec"))
    assert found is not None
    assert found.stage is Stage.WAITING
    assert found.since is not None
    assert found.starts_at is not None
    assert timedelta(seconds=49) < found.starts_at - found.since < timedelta(seconds=51)
    assert re.fullmatch(r"In the quiet period\. Expires in (49|50) sec", found.why)


def test_another_build_of_the_job_is_the_same_item_until_one_begins(
    jenkins: HttpJenkins, by_hand: JenkinsHttp, own: Names
) -> None:
    job = own("job")
    by_hand.freestyle(job, own("label"))
    number = by_hand.build(job)
    assert by_hand.build(job) == number
    since = waits(jenkins, number).since
    time.sleep(0.1)
    assert by_hand.build(job) == number
    assert waits(jenkins, number).since == since


def test_an_item_is_cancelled_once(jenkins: HttpJenkins, by_hand: JenkinsHttp, own: Names) -> None:
    job = own("job")
    by_hand.freestyle(job, own("label"))
    number = by_hand.build(job)
    by_hand.post("queue/cancelItem", id=str(number))
    assert item(jenkins, number) is None
    left = by_hand.get(f"queue/item/{number}")
    assert (left["_class"], left["cancelled"], left["why"]) == ("hudson.model.Queue$LeftItem", True, None)
    with pytest.raises(requests.HTTPError, match="404"):
        by_hand.post("queue/cancelItem", id="1999999999")


def test_builds_with_other_parameters_wait_for_the_first(
    jenkins: HttpJenkins, by_hand: JenkinsHttp, own: Names
) -> None:
    job = own("job")
    by_hand.freestyle(job, own("label"), parameter="BRANCH")
    path = f"job/{job}/buildWithParameters"
    places = [by_hand.post(path, BRANCH=name, delay="0sec").headers["Location"] for name in ("main", "next", "main")]
    assert places[0] == places[2] != places[1]
    first, second = (int(place.rstrip("/").rpartition("/")[2]) for place in places[:2])
    assert (waits(jenkins, first).params, waits(jenkins, first).concurrent) == ("BRANCH=main", False)
    wait_for(lambda: (found := item(jenkins, second)) is not None and found.stage is Stage.BLOCKED)
    found = item(jenkins, second)
    assert found is not None
    assert (found.params, found.why) == ("BRANCH=next", "A build is already in progress")
