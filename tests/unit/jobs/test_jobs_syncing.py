from dataclasses import dataclass, field

import pytest

from ciprov.domain.jenkins import JenkinsError, JenkinsRestarting, JenkinsUnavailable
from ciprov.domain.jobs import Place
from ciprov.jobs.mark import Mark
from ciprov.jobs.planning import Action, Missing, Plan, Step
from ciprov.jobs.syncing import NotAllowed, Outcome, sync

MARK = Mark("ours")
PLACE = Place("jobs.yaml", 3, 5)


@dataclass
class Server:
    """Jenkins in memory: descriptions by names. `fails` are errors by names, `late` come after the write was done."""

    jobs: dict[str, str] = field(default_factory=dict)
    fails: dict[str, JenkinsError] = field(default_factory=dict)
    late: dict[str, JenkinsError] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)

    def create(self, name, xml):
        self._write(name, xml)

    def update(self, name, xml):
        self._write(name, xml)

    def delete(self, name):
        self.written.append(name)
        self.jobs.pop(name, None)

    def description(self, name):
        return self.jobs.get(name)

    def _write(self, name, xml):
        if name in self.fails:
            raise self.fails[name]
        self.jobs[name] = xml
        self.written.append(name)
        if name in self.late:
            raise self.late[name]


def steps(**actions):
    named = [(name.replace("_", "/"), action) for name, action in actions.items()]
    return Plan(tuple(Step(name, action, "why", str(MARK.of(name))) for name, action in named))


def outcomes(done):
    return {one.name: one.outcome for one in done}


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
    server = Server(fails={"a": JenkinsRestarting("gone")})
    done = sync(steps(a=Action.CREATE, b=Action.CREATE, c=Action.KEEP), server, MARK, lambda _: None)
    assert outcomes(done) == {"a": Outcome.FAILED, "b": Outcome.SKIPPED, "c": Outcome.UNCHANGED}
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
