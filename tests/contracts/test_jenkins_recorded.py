"""What a real Jenkins 2.462 answered gives the same records as the fake that is brought into the same state."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
import requests
from fake_jenkins import FakeJenkins
from fake_jenkins_routes import TOKEN, USER
from jenkins_http import JenkinsHttp, wait_for
from recorded_jenkins import RECORDED, Answer, RecordedJenkins, as_json, recorded

from ciprov.clients.connection import Connection
from ciprov.clients.jenkins.client import HttpJenkins
from ciprov.domain.jenkins import Build, NewNode, Node, NodeExists, QueueItem, Stage


def client(url: str) -> HttpJenkins:
    return HttpJenkins(Connection("jenkins", [url], user=USER, password=TOKEN), "replay")


@dataclass
class Scene:
    """The fake, and what to do with it so that it comes to stand where the recorded controller stood."""

    fake: FakeJenkins
    held: ExitStack

    def __post_init__(self) -> None:
        self.jenkins = client(self.fake.url)
        self.by_hand = JenkinsHttp(self.fake.url, USER, TOKEN)

    def node(self, name: str, *labels: str, exclusive: bool = False) -> None:
        self.jenkins.create_node(NewNode(name, labels, "/srv", exclusive=exclusive))

    def build(self, job: str, label: str | None = "", delay: str = "0sec") -> None:
        if label is not None:
            self.by_hand.freestyle(job, label)
        self.by_hand.build(job, delay)

    def connect(self, name: str) -> requests.Response:
        """An agent that takes builds and never ends them."""
        response = requests.post(
            f"{self.fake.url}/fake/agents/{name}",
            headers={"X-Secret": self.jenkins.secret(name).value},
            stream=True,
            timeout=30,
        )
        assert response.status_code == 200
        self.held.callback(response.close)
        wait_for(lambda: (node := self.jenkins.node(name)) is not None and not node.offline)
        return response


@contextmanager
def scene() -> Iterator[Scene]:
    with FakeJenkins() as fake, ExitStack() as held:
        yield Scene(fake, held)


def one_offline_node(stage: Scene) -> None:
    stage.node("a1", "slurm", "gpu")
    for job, label in (
        ("nolabel-cloudless", "nosuchlabel"),
        ("on-offline", "slurm"),
        ("anywhere", ""),
        ("expr", "slurm && !gpu"),
        ("byname", "a1"),
    ):
        stage.build(job, label)


def one_busy_node(stage: Scene) -> None:
    one_offline_node(stage)
    # The free one goes first here, and took the item without a label in the fake: it is reserved to keep it off.
    stage.by_hand.post("queue/cancelItem", id="3")
    stage.connect("a1")


def two_offline_nodes(stage: Scene) -> None:
    stage.node("n1", "lab")
    stage.node("n2", "lab")
    stage.build("two", "lab")


def an_idle_exclusive_node(stage: Scene) -> None:
    two_offline_nodes(stage)
    stage.node("x1", "excl", exclusive=True)
    stage.connect("x1")
    stage.build("free", "")
    stage.build("ex", "excl&&lab")


def a_job_in_progress(stage: Scene) -> None:
    an_idle_exclusive_node(stage)
    # Reserved for labels as long as the job without one would go there in the fake.
    stage.fake.controller.nodes["n1"].exclusive = True
    stage.connect("n1")
    stage.fake.controller.nodes["n1"].exclusive = False
    stage.build("two", None)
    stage.build("two2", "lab")


def about_to_shut_down(stage: Scene) -> None:
    a_job_in_progress(stage)
    stage.build("two3", "lab")
    stage.by_hand.post("quietDown")


def a_pipeline(stage: Scene) -> None:
    stage.node("a1", "slurm", "gpu")
    stage.by_hand.pipeline("pipe", "slurm")
    stage.by_hand.build("pipe")


def all_nodes_gone(stage: Scene) -> None:
    stage.build("nolabel-cloudless", "nosuchlabel")
    stage.build("expr", "slurm && !gpu")


def in_its_quiet_period(stage: Scene) -> None:
    stage.node("n1", "lab")
    stage.node("n2", "lab")
    stage.build("two", "lab", "5sec")


QUEUES: dict[str, Callable[[Scene], None]] = {
    "queue-item-assignedLabel": one_offline_node,
    "queue-blocked": one_offline_node,
    "queue-blocked-tree": one_offline_node,
    "queue-busy": one_busy_node,
    "queue-afterdelete": all_nodes_gone,
    "q-quiet": in_its_quiet_period,
    "q-all-offline": two_offline_nodes,
    "q-exclusive": an_idle_exclusive_node,
    "q-in-progress": a_job_in_progress,
    "q-quietdown": about_to_shut_down,
    "queue-pipeline": a_pipeline,
}


def known(items: list[QueueItem], *, labels: bool) -> set[tuple[object, ...]]:
    """What does not depend on when and where. Without `tree=`, Jenkins tells neither labels nor the steps' names."""
    return {
        (
            "" if each.task_class.endswith("PlaceholderTask") else each.task_name,
            each.task_class,
            each.stage,
            each.why.partition("Expires in")[0],
            each.stuck,
            each.label if labels else None,
            each.starts_at is None,
            each.buildable_since is None,
        )
        for each in items
    }


@pytest.mark.parametrize("name", QUEUES)
def test_queues(name: str) -> None:
    with RecordedJenkins() as replayed:
        replayed.on("GET /queue/api/json", recorded(name))
        real = client(replayed.url).queue()
        assert len(replayed.heard) == 1
        assert replayed.heard[0].headers["Accept-Language"] == "en"
    with scene() as stage:
        QUEUES[name](stage)
        same = stage.jenkins.queue()
    labels = name == "queue-item-assignedLabel"
    left_out = {"anywhere"} if name == "queue-busy" else set()
    assert known([each for each in real if each.task_name not in left_out], labels=labels) == known(same, labels=labels)


def test_times_and_labels_of_a_recorded_queue() -> None:
    with RecordedJenkins() as replayed:
        replayed.on("GET /queue/api/json", recorded("queue-item-assignedLabel"))
        items = {each.task_name: each for each in client(replayed.url).queue()}
        replayed.on("GET /queue/api/json", recorded("q-quiet"))
        (quiet,) = client(replayed.url).queue()
    assert {name: each.label for name, each in items.items()} == {
        "byname": "a1",
        "expr": "slurm && !gpu",
        "anywhere": "",
        "on-offline": "slurm",
        "nolabel-cloudless": "nosuchlabel",
    }
    assert items["expr"] == QueueItem(
        id=4,
        stage=Stage.BUILDABLE,
        why="There are no nodes with the label ‘slurm&&!gpu’",
        label="slurm && !gpu",
        task_class="hudson.model.FreeStyleProject",
        task_name="expr",
        task_url="http://127.0.0.1:18080/job/expr/",
        since=datetime(2026, 11, 23, 5, 59, 33, 932000, UTC),
        buildable_since=datetime(2026, 11, 23, 5, 59, 43, 414000, UTC),
        stuck=True,
    )
    assert quiet.starts_at is not None
    assert quiet.since is not None
    assert (quiet.starts_at - quiet.since).total_seconds() == 5


def test_the_steps_of_pipelines_by_the_recorded_tree() -> None:
    with RecordedJenkins() as replayed:
        replayed.on("GET /queue/api/json", as_json((RECORDED / "queue-tree.json").read_text()))
        labels = {each.id: (each.label, each.task_name) for each in client(replayed.url).queue()}
    assert labels == {12: (None, "part of pipe #2"), 5: ("excl&&lab", "ex"), 8: ("lab", "two3"), 6: ("lab", "two")}


A1 = Node("a1", labels=frozenset({"a1", "slurm", "gpu"}), description="d", offline=True, inbound=True)
FENCED = "hudson.slaves.OfflineCause$UserCause"
KILLED = "hudson.slaves.OfflineCause$ChannelTermination"
RUNNING = Build("http://127.0.0.1:18080/job/on-offline/1/", 1)


def created(stage: Scene) -> None:
    stage.node("a1", "slurm", "gpu")


def fenced(stage: Scene) -> None:
    created(stage)
    stage.connect("a1")
    stage.jenkins.fence("a1", "maint")


def busy(stage: Scene) -> None:
    created(stage)
    stage.connect("a1")
    stage.build("on-offline", "slurm")
    wait_for(lambda: bool(stage.jenkins.node("a1").builds))  # type: ignore[union-attr]


def a_pipeline_running(stage: Scene) -> None:
    a_pipeline(stage)
    stage.connect("a1")
    wait_for(lambda: bool(stage.jenkins.node("a1").builds))  # type: ignore[union-attr]


def killed(stage: Scene) -> None:
    stage.node("n1", "lab")
    stage.connect("n1").close()
    wait_for(lambda: stage.jenkins.node("n1").offline)  # type: ignore[union-attr]


NODES: dict[str, tuple[Callable[[Scene], None], Node]] = {
    "computer-a1-new": (created, A1),
    "computer-a1-tempoffline": (
        fenced,
        replace(A1, fenced=True, offline_class=FENCED, offline_reason="maint"),
    ),
    "computer-a1-online": (busy, replace(A1, offline=False, idle=False, builds=(RUNNING,))),
    "computer-pipe-running": (
        a_pipeline_running,
        replace(
            A1,
            description="",
            offline=False,
            idle=False,
            builds=(Build("http://127.0.0.1:18081/job/pipe/1/", 1),),
        ),
    ),
    "computer-n1-killed": (
        killed,
        replace(
            A1,
            name="n1",
            labels=frozenset({"n1", "lab"}),
            description="",
            offline_class=KILLED,
            offline_reason="Connection was broken",
        ),
    ),
}


def placeless(node: Node) -> Node:
    builds = tuple(replace(build, url=build.url.partition("/job/")[2]) for build in node.builds)
    return replace(node, description="", mark=None, builds=builds)


@pytest.mark.parametrize("name", NODES)
def test_nodes(name: str) -> None:
    arrange, expected = NODES[name]
    with RecordedJenkins() as replayed:
        replayed.on(f"GET /computer/{expected.name}/api/json", recorded(name))
        assert client(replayed.url).node(expected.name) == expected
    with scene() as stage:
        arrange(stage)
        same = stage.jenkins.node(expected.name)
    assert same is not None
    assert placeless(same) == placeless(expected)


@pytest.mark.parametrize("name", ["computers", "computers-depth1"])
def test_all_nodes(name: str) -> None:
    with RecordedJenkins() as replayed:
        replayed.on("GET /computer/api/json", recorded(name))
        real = client(replayed.url).nodes()
        assert len(replayed.heard) == 1
    with scene() as stage:
        created(stage)
        same = stage.jenkins.nodes()
    built_in = Node(
        "Built-In Node",
        labels=frozenset({"built-in"}),
        description="the Jenkins controller's built-in node",
        executors=0,
        built_in=True,
    )
    assert real == [built_in, A1]
    assert [placeless(node) for node in same] == [placeless(node) for node in real]


def test_writing_and_the_secret_as_recorded() -> None:
    with RecordedJenkins() as replayed:
        replayed.on("GET /computer/a1/jenkins-agent.jnlp", recorded("agent-jnlp"))
        replayed.on("POST /computer/doCreateItem", recorded("create-node"), recorded("create-node-exists"))
        replayed.on("GET /crumbIssuer/api/json", recorded("crumb"))
        replayed.on("GET /computer/a1/api/json", recorded("computer-a1-new"))
        replayed.on("GET /computer/zz/api/json", recorded("node-missing"))
        jenkins = client(replayed.url)
        assert jenkins.secret("a1").value.startswith("9bcf61d7")
        assert jenkins.create_node(NewNode("a1", ("slurm", "gpu"), "/srv"))
        with pytest.raises(NodeExists, match="a1"):
            jenkins.create_node(NewNode("a1", ("slurm", "gpu"), "/srv"))
        assert jenkins.node("zz") is None
        sent = replayed.asked("POST /computer/doCreateItem")[0]
        assert sent.headers["Jenkins-Crumb"].startswith("ae8cf48b")
        assert "name=a1" in sent.body
        mine = "[ciprov service=replay]"
        marked = Answer(200, recorded("computer-a1-new").body.replace('"d"', f'"{mine}"'), {"Content-Type": "x/json"})
        replayed.on("GET /computer/a1/api/json", marked)
        replayed.on("POST /computer/a1/doDelete", recorded("delete-node"))
        assert jenkins.delete_node("a1")


def test_the_fake_serves_many_agents_at_once() -> None:
    with scene() as stage:
        for number in range(60):
            stage.node(f"n{number}", "lab", exclusive=True)
        threads = [threading.Thread(target=stage.connect, args=(f"n{number}",)) for number in range(60)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert sum(node.takes_builds and not node.built_in for node in stage.jenkins.nodes()) == 60
        for number in range(60):
            stage.build(f"job{number}", "lab")
        wait_for(lambda: not stage.jenkins.queue())
        assert all(len(node.builds) == 1 for node in stage.jenkins.nodes() if not node.built_in)
