"""The client's nodes, its permissions, and what it is told of a server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from fake_jenkins import FakeJenkins
from fake_jenkins_routes import PASSWORD, TOKEN, USER
from jenkins_controllers import Controller, Names
from jenkins_http import JenkinsHttp, wait_for

from ciprov.clients.connection import Connection
from ciprov.clients.jenkins.client import HttpJenkins
from ciprov.clients.jenkins.records import LOAD_TREE, items_waited
from ciprov.domain.jenkins import (
    JenkinsDenied,
    JenkinsError,
    JenkinsNotFound,
    JenkinsRestarting,
    NewNode,
    Node,
    NodeExists,
    NodeMark,
    NotOurNode,
)


def client_of(fake: FakeJenkins, password: str = TOKEN) -> HttpJenkins:
    return HttpJenkins(Connection("jenkins", [fake.url], user=USER, password=password), "contract")


def test_the_server_tells_its_version_and_time(jenkins: HttpJenkins) -> None:
    server = jenkins.server()
    assert server.version.startswith("2.")
    assert server.session
    assert server.time is not None
    assert abs(server.time - datetime.now(UTC)) < timedelta(minutes=5)
    assert not server.quieting_down


def test_items_that_wait_are_counted(controller: Controller, own: Names) -> None:
    def waited() -> bool:
        return items_waited(controller.http.get("overallLoad", tree=LOAD_TREE))

    job = own("j")
    wait_for(lambda: not waited(), 30)
    controller.http.freestyle(job, label="nowhere")
    controller.http.build(job)
    wait_for(waited, 30)
    assert not controller.client().server().hides_jobs


def test_jobs_that_are_hidden_are_noticed_once_items_wait() -> None:
    with FakeJenkins() as fake:
        fake.rules.denied = {"Job/Read"}
        jenkins, http = client_of(fake), JenkinsHttp(fake.url, USER, TOKEN)
        http.freestyle("j", label="nowhere")
        assert not jenkins.server().hides_jobs
        http.build("j")
        assert jenkins.server().hides_jobs
        assert jenkins.queue() == []
        fake.rules.denied = set()
        assert not jenkins.server().hides_jobs
        assert len(jenkins.queue()) == 1


def test_a_node_is_what_was_asked_for(jenkins: HttpJenkins, own: Names) -> None:
    name = own("n")
    new = NewNode(name, ("lab", "two words"), "/srv/agent", template="maven", description="a note")
    assert jenkins.create_node(new) is True
    expected = Node(
        name,
        labels=frozenset({name, "lab", "two words"}),
        description="a note [ciprov service=contract template=maven]",
        offline=True,
        inbound=True,
        mark=NodeMark("contract", "maven"),
    )
    assert jenkins.node(name) == expected
    assert expected in jenkins.nodes()
    assert [node.built_in for node in jenkins.nodes()].count(True) == 1


def test_labels_with_signs_in_them_stay_what_they_are(jenkins: HttpJenkins, own: Names) -> None:
    labels = ("it's", "two words", 'q"uote', "back\\slash", "a&&b", "!no", "(x)", "-a", "<x>", "ä", "a,b", "'x'")
    new = NewNode(own("n"), labels, "/srv/agent", description='<&> "ü"')
    assert jenkins.create_node(new) is True
    node = jenkins.node(new.name)
    assert node is not None
    assert (node.labels, node.description) == ({new.name, *labels}, '<&> "ü" [ciprov service=contract]')
    assert jenkins.create_node(new) is False


def test_a_name_that_jenkins_refuses_is_told(jenkins: HttpJenkins, own: Names) -> None:
    with pytest.raises(JenkinsError, match="A name cannot end with") as caught:
        jenkins.create_node(NewNode(f"{own('n')}.", ("lab",), "/srv/agent"))
    assert caught.value.status == 400


def test_a_node_that_is_there_already_is_not_made_again(
    controller: Controller, jenkins: HttpJenkins, own: Names
) -> None:
    new = NewNode(own("n"), ("lab",), "/srv/agent", template="maven")
    assert jenkins.create_node(new) is True
    assert jenkins.create_node(new) is False
    with pytest.raises(NodeExists, match=new.name):
        controller.client("another").create_node(new)
    with pytest.raises(NodeExists):
        jenkins.create_node(NewNode(new.name, ("other",), "/srv/agent", template="maven"))


def test_a_fenced_node_says_so_however_often(jenkins: HttpJenkins, own: Names) -> None:
    name = own("n")
    jenkins.create_node(NewNode(name, ("lab",), "/srv/agent"))
    for message in ("busy with its build", "busy & done: 100 %"):
        assert jenkins.fence(name, message) is True
        node = jenkins.node(name)
        assert node is not None
        assert (node.fenced, node.offline, node.offline_reason) == (True, True, message)
        assert node.offline_class == "hudson.slaves.OfflineCause$UserCause"
        assert not node.takes_builds
    assert jenkins.fence(own("missing"), "x") is False


def test_a_node_is_set_online_again_however_often(jenkins: HttpJenkins, own: Names) -> None:
    name = own("n")
    assert jenkins.unfence(name) is False
    jenkins.create_node(NewNode(name, ("lab",), "/srv/agent"))
    jenkins.fence(name, "for a while")
    for _ in range(2):
        assert jenkins.unfence(name) is True
        node = jenkins.node(name)
        assert node is not None
        assert not node.fenced


def test_only_our_own_nodes_are_deleted(controller: Controller, jenkins: HttpJenkins, own: Names) -> None:
    name = own("n")
    jenkins.create_node(NewNode(name, ("lab",), "/srv/agent"))
    with pytest.raises(NotOurNode, match=name):
        controller.client("another").delete_node(name)
    assert jenkins.delete_node(name) is True
    assert jenkins.node(name) is None
    assert jenkins.delete_node(name) is False


def test_the_secret_of_a_node(jenkins: HttpJenkins, own: Names) -> None:
    name = own("n")
    jenkins.create_node(NewNode(name, ("lab",), "/srv/agent"))
    secret = jenkins.secret(name)
    assert len(secret.value) == 64
    assert secret.value not in f"{secret} {secret!r}"
    with pytest.raises(JenkinsNotFound):
        jenkins.secret(own("missing"))


def test_wrong_credentials_are_told(controller: Controller) -> None:
    with pytest.raises(JenkinsDenied) as caught:
        controller.client(password="not-the-token").queue()
    assert caught.value.status == 401
    assert "not-the-token" not in str(caught.value)


def test_all_permissions_are_there_and_nothing_is_left_of_the_check(jenkins: HttpJenkins) -> None:
    jenkins.check_permissions()
    assert not [node for node in jenkins.nodes() if node.name.endswith("-check")]


@pytest.mark.parametrize(
    "denied",
    [
        ["Overall/Read"],
        ["Agent/Create"],
        ["Agent/Configure"],
        ["Agent/Connect"],
        ["Agent/Disconnect"],
        ["Agent/Delete"],
        ["Agent/Connect", "Agent/Delete"],
    ],
)
def test_each_missing_permission_is_named(denied: list[str]) -> None:
    with FakeJenkins() as fake:
        fake.rules.denied = set(denied)
        with pytest.raises(JenkinsDenied) as caught:
            client_of(fake).check_permissions()
        assert all(permission in caught.value.message for permission in denied)
        left = "ciprov-contract-check" in fake.controller.nodes
        assert left == ("Agent/Delete" in denied) == ("yourself" in caught.value.way_out)


@pytest.mark.parametrize(("denied", "untried"), [("Overall/Read", 5), ("Agent/Create", 4), ("Agent/Connect", 0)])
def test_what_cannot_be_tried_without_a_permission_is_named_too(denied: str, untried: int) -> None:
    with FakeJenkins() as fake:
        fake.rules.denied = {denied}
        with pytest.raises(JenkinsDenied) as caught:
            client_of(fake).check_permissions()
    lacking, _, others = caught.value.message.partition("; whether it has ")
    assert denied in lacking
    assert others.count("Agent/") == untried
    assert others.endswith(" cannot be tried without that") == bool(untried)


def test_credentials_that_nobody_gave_are_told_as_such(controller: Controller) -> None:
    with pytest.raises(JenkinsDenied, match="no credentials were given") as caught:
        HttpJenkins(Connection("jenkins", [controller.url]), "contract").check_permissions()
    assert "CIPROV_JENKINS_TOKEN" in caught.value.way_out


def test_one_request_reads_all_items_and_one_all_nodes() -> None:
    with FakeJenkins() as fake:
        jenkins, by_hand = client_of(fake), JenkinsHttp(fake.url, USER, TOKEN)
        for number in range(20):
            by_hand.freestyle(f"job{number}", "lab")
            by_hand.build(f"job{number}")
            jenkins.create_node(NewNode(f"n{number}", ("x",), "/srv"))
        fake.requests.clear()
        assert (len(jenkins.queue()), len(jenkins.nodes())) == (20, 21)
        assert [request.partition("=")[0] for request in fake.requests] == [
            "GET /queue/api/json?tree",
            "GET /computer/api/json?tree",
        ]


def test_a_password_needs_a_crumb_which_is_renewed_when_jenkins_forgot_it() -> None:
    with FakeJenkins() as fake:
        jenkins = client_of(fake, password=PASSWORD)
        assert jenkins.create_node(NewNode("n1", ("lab",), "/srv"))
        assert jenkins.create_node(NewNode("n2", ("lab",), "/srv"))
        assert sum("crumbIssuer" in request for request in fake.requests) == 1
        fake.rules.crumb = "another"
        assert jenkins.create_node(NewNode("n3", ("lab",), "/srv"))
        assert sum("crumbIssuer" in request for request in fake.requests) == 2
        assert sorted(fake.controller.nodes) == ["n1", "n2", "n3"]


def test_an_outage_ends_without_a_new_client() -> None:
    with FakeJenkins() as fake:
        jenkins = client_of(fake)
        assert jenkins.queue() == []
        fake.rules.outage = (503, "Please wait while Jenkins is getting ready to work")
        with pytest.raises(JenkinsRestarting):
            jenkins.queue()
        fake.rules.outage = None
        assert jenkins.create_node(NewNode("n1", ("lab",), "/srv"))
