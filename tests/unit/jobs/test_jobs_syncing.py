from dataclasses import dataclass, field

import pytest

from ciprov.domain.jenkins import JenkinsError, JenkinsRestarting, JenkinsUnavailable
from ciprov.domain.jobs import Place, ServerJob
from ciprov.jobs.config_xml import FOLDER
from ciprov.jobs.mark import Mark
from ciprov.jobs.planning import Action, Missing, Plan, Step
from ciprov.jobs.syncing import NotAllowed, Outcome, sync

MARK = Mark("ours")
PLACE = Place("jobs.yaml", 3, 5)


@dataclass
class Server:
    """Jenkins in memory: descriptions by names. `fails` are errors by names, `late` come after the write was done.
    `folders` are those of the jobs that are one, with what people set up in them.
    """

    jobs: dict[str, str] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    fails: dict[str, JenkinsError] = field(default_factory=dict)
    late: dict[str, JenkinsError] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)

    def create(self, name, xml):
        self._write(name, xml)

    def update(self, name, xml):
        self._write(name, xml)

    def delete(self, name):
        if name in self.fails:
            raise self.fails[name]
        self.written.append(name)
        self.jobs = {job: text for job, text in self.jobs.items() if job != name and not job.startswith(f"{name}/")}

    def look(self, name):
        if name not in self.jobs:
            return None
        inside = tuple(job for job in self.jobs if job.rpartition("/")[0] == name)
        return ServerJob(name, FOLDER if name in self.folders else "job", self.jobs[name], inside)

    def config(self, name):
        return f"<{FOLDER}><description/><properties>{self.folders[name]}</properties></{FOLDER}>"

    def _write(self, name, xml):
        if name in self.fails:
            raise self.fails[name]
        self.jobs[name] = xml
        self.written.append(name)
        if name in self.late:
            raise self.late[name]


def steps(**actions):
    named = [(name.replace("_", "/"), action) for name, action in actions.items()]
    return Plan(tuple(Step(name, action, "why", str(MARK.of(name)), seen=MARK.of(name)) for name, action in named))


def outcomes(done):
    return {one.name: one.outcome for one in done}


def test_a_matrix_project_is_sent_once_more_as_jenkins_forgets_how_it_is_to_be_run():
    xml = f"<matrix-project><description>{MARK.of('a')}</description></matrix-project>"
    server = Server()
    (done,) = sync(Plan((Step("a", Action.CREATE, xml=xml),)), server, MARK, lambda _: None)
    assert (done.outcome, server.written) == (Outcome.CREATED, ["a", "a"])


def test_a_type_that_jenkins_may_not_know_is_guessed_at():
    server = Server(fails={"a": JenkinsUnavailable("answers 500", status=500)})
    plan = Plan((Step("a", Action.CREATE, xml="<maven2-moduleset/>"),))
    assert "brings jobs of the type maven2-moduleset?" in sync(plan, server, MARK, lambda _: None)[0].reason


def test_writes_are_told_and_what_stays_is_not():
    told = []
    plan = steps(a=Action.CREATE, b=Action.UPDATE, c=Action.KEEP, d=Action.ORPHAN, e=Action.DELETE)
    server = Server({"b": str(MARK.of("b")), "e": str(MARK.of("e"))})
    done = sync(plan, server, MARK, told.append)
    assert outcomes(done) == {
        "a": Outcome.CREATED,
        "b": Outcome.UPDATED,
        "c": Outcome.UNCHANGED,
        "d": Outcome.LEFT,
        "e": Outcome.DELETED,
    }
    assert [one.name for one in told] == server.written == ["a", "b", "e"]


def test_nothing_is_written_where_anything_is_refused():
    server = Server()
    refused = Step("b", Action.REFUSE, "not ours", place=PLACE)
    missing = Missing("git", (("a", "scm git", PLACE),))
    with pytest.raises(NotAllowed) as caught:
        sync(Plan((*steps(a=Action.CREATE).steps, refused), (missing,)), server, MARK, print)
    assert "job b: not ours" in str(caught.value)
    assert "--ignore-plugin git" in str(caught.value)
    assert not server.written


def test_one_that_fails_stops_those_in_it_and_no_others():
    server = Server(fails={"f": JenkinsError("no")})
    done = sync(steps(f=Action.CREATE, f_a=Action.CREATE, g=Action.CREATE), server, MARK, lambda _: None)
    assert outcomes(done) == {"f": Outcome.FAILED, "f/a": Outcome.SKIPPED, "g": Outcome.CREATED}


def test_jenkins_that_is_gone_is_not_asked_again():
    gone = JenkinsRestarting("gone", place="POST u", way_out="it is asked again until it answers")
    server = Server(fails={"a": gone})
    done = sync(steps(a=Action.CREATE, b=Action.CREATE, c=Action.KEEP), server, MARK, lambda _: None)
    assert outcomes(done) == {"a": Outcome.FAILED, "b": Outcome.SKIPPED, "c": Outcome.UNCHANGED}
    assert done[0].reason == "POST u: gone; repeat the command once it answers"
    assert not server.written


def test_an_answer_that_was_lost_is_looked_after():
    server = Server(late={"a": JenkinsUnavailable("lost")})
    assert outcomes(sync(steps(a=Action.CREATE), server, MARK, print)) == {"a": Outcome.CREATED}
    server = Server({"a": str(MARK)}, fails={"a": JenkinsRestarting("not sent, so somebody else made it")})
    assert outcomes(sync(steps(a=Action.CREATE), server, MARK, lambda _: None)) == {"a": Outcome.FAILED}
    server = Server({"a": "somebody else's"}, fails={"a": JenkinsUnavailable("lost")})
    assert outcomes(sync(steps(a=Action.CREATE), server, MARK, lambda _: None)) == {"a": Outcome.FAILED}


@pytest.mark.parametrize(
    ("description", "outcome", "left"),
    [
        (str(MARK.of("a")), Outcome.DELETED, False),
        ("", Outcome.LEFT, True),
        ("x [ciprov jobs=b of a]", Outcome.LEFT, True),
        (str(MARK.of("b")), Outcome.LEFT, True),
    ],
)
def test_what_lost_our_mark_in_between_is_not_deleted(description, outcome, left):
    server = Server({"a": description})
    assert outcomes(sync(steps(a=Action.DELETE), server, MARK, lambda _: None)) == {"a": outcome}
    assert ("a" in server.jobs) is left


def test_what_is_gone_already_needs_no_deletion():
    server = Server()
    assert outcomes(sync(steps(a=Action.DELETE), server, MARK, lambda _: None)) == {"a": Outcome.DELETED}
    assert not server.written


@pytest.mark.parametrize("now", ["", "mine now", "[ciprov jobs=theirs of a]"])
def test_what_lost_our_mark_in_between_is_not_changed(now):
    server = Server({"a": now})
    (done,) = sync(Plan((Step("a", Action.UPDATE, xml="x", seen=MARK.of("a")),)), server, MARK, lambda _: None)
    assert (done.outcome, server.jobs) == (Outcome.FAILED, {"a": now})
    assert "repeat the command" in done.reason


def test_what_is_taken_over_had_no_mark_before():
    server = Server({"a": "by hand"})
    (done,) = sync(Plan((Step("a", Action.UPDATE, xml=str(MARK.of("a"))),)), server, MARK, lambda _: None)
    assert (done.outcome, server.jobs) == (Outcome.UPDATED, ours("a"))


def ours(*names):
    return {name: str(MARK.of(name)) for name in names}


@pytest.mark.parametrize(
    ("jobs", "fails"),
    [
        ({**ours("f", "f/a"), "f/b": "made by somebody while the jobs were synced"}, {}),
        ({**ours("f"), "f/a": "taken over by somebody while the jobs were synced"}, {}),
        (ours("f", "f/a"), {"f/a": JenkinsError("it may not be deleted")}),
    ],
)
def test_a_folder_is_looked_into_again_before_it_is_deleted(jobs, fails):
    server = Server(jobs, {"f": ""}, fails=fails)
    done = sync(steps(f_a=Action.DELETE, f=Action.DELETE), server, MARK, lambda _: None)
    assert outcomes(done)["f"] is Outcome.LEFT
    assert "it holds f/" in done[-1].reason
    assert "f" in server.jobs


def test_a_folder_that_is_empty_is_deleted_with_its_jobs_before():
    server = Server(ours("f", "f/a"), {"f": ""})
    done = sync(steps(f_a=Action.DELETE, f=Action.DELETE), server, MARK, lambda _: None)
    assert (set(outcomes(done).values()), server.jobs) == ({Outcome.DELETED}, {})


def test_a_folder_stays_with_the_credentials_that_people_keep_in_it():
    kept = "<a.FolderCredentialsProperty><map><entry><list><b.Key><id>deploy</id></b.Key></list></entry></map>"
    server = Server(
        ours("f", "g"), {"f": f"{kept}</a.FolderCredentialsProperty>", "g": "<a.FolderCredentialsProperty/>"}
    )
    done = sync(steps(f=Action.DELETE, g=Action.DELETE), server, MARK, lambda _: None)
    assert outcomes(done) == {"f": Outcome.LEFT, "g": Outcome.DELETED}
    assert "deploy" in done[0].reason


def test_nothing_is_deleted_where_what_may_take_its_place_failed():
    server = Server(ours("old"), fails={"new": JenkinsError("no")})
    done = sync(steps(new=Action.CREATE, old=Action.DELETE), server, MARK, lambda _: None)
    assert outcomes(done) == {"new": Outcome.FAILED, "old": Outcome.SKIPPED}
    assert "old" in server.jobs
