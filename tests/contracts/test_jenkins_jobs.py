"""Jobs of a controller over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from fake_jenkins import FakeJenkins
from fake_jenkins_jobs import FOLDER
from fake_jenkins_routes import PASSWORD, TOKEN, USER
from jenkins_controllers import Controller

from ciprov.clients.connection import Connection
from ciprov.clients.jenkins.jobs import HttpJobs
from ciprov.domain.jenkins import JenkinsDenied, JenkinsError, JenkinsNotFound
from ciprov.jobs.config_xml import read
from ciprov.jobs.mark import Mark, mark_in

MARK = Mark("contract")


@pytest.fixture
def jobs(controller: Controller) -> HttpJobs:
    return HttpJobs(controller.connection())


@pytest.fixture
def name(jobs: HttpJobs) -> Iterator[str]:
    given = f"contract {uuid.uuid4().hex[:8]}"
    yield given
    jobs.delete(given)


def xml(text: str, kind: str = "project") -> str:
    return read(f"<{kind}><description>{text}</description></{kind}>", "x").with_mark(MARK).text()


def test_what_is_created_is_listed_with_its_mark(jobs: HttpJobs, name: str) -> None:
    assert jobs.look(name) is None
    jobs.create(name, xml("ä &lt; ö"))
    (found,) = [job for job in jobs.all() if job.name == name]
    assert found.kind == "hudson.model.FreeStyleProject"
    assert mark_in(found.description) == MARK
    assert jobs.look(name) == found
    assert read(jobs.config(name), "x").description == "ä < ö\n\n[ciprov jobs=contract]"


def test_a_name_is_taken_once(jobs: HttpJobs, name: str) -> None:
    jobs.create(name, xml("first"))
    with pytest.raises(JenkinsError, match="already exists") as caught:
        jobs.create(name, xml("second"))
    assert caught.value.status == 400
    with pytest.raises(JenkinsError, match="already exists"):
        jobs.create(name.upper(), xml("as small letters are large ones"))
    assert read(jobs.config(name), "x").description.startswith("first")


def test_what_is_updated_is_read_again(jobs: HttpJobs, name: str) -> None:
    jobs.create(name, xml("first"))
    jobs.update(name, xml("second"))
    jobs.update(name, xml("second"))
    assert read(jobs.config(name), "x").description.startswith("second")


def test_a_job_keeps_its_class(jobs: HttpJobs, name: str) -> None:
    """`AbstractItem.updateByXml` fails where another class comes out of the XML."""
    jobs.create(name, xml("first"))
    with pytest.raises(JenkinsError) as caught:
        jobs.update(name, xml("other", "matrix-project"))
    assert caught.value.status == 500
    assert read(jobs.config(name), "x").kind == "project"


def test_folders_in_folders(controller: Controller, jobs: HttpJobs, name: str) -> None:
    controller.needs("cloudbees-folder")
    jobs.create(name, xml("outer", FOLDER))
    jobs.create(f"{name}/b c", xml("inner", FOLDER))
    jobs.create(f"{name}/b c/d", xml("job"))
    found = {job.name: job for job in jobs.all() if job.name.startswith(name)}
    assert {job.name: job.holds for job in found.values()} == {
        name: (f"{name}/b c",),
        f"{name}/b c": (f"{name}/b c/d",),
        f"{name}/b c/d": (),
    }
    assert found[name].kind == FOLDER
    assert {each: jobs.look(each) for each in found} == found
    jobs.update(f"{name}/b c/d", xml("changed"))
    assert read(jobs.config(f"{name}/b c/d"), "x").description.startswith("changed")
    jobs.delete(f"{name}/b c")
    assert [job.name for job in jobs.all() if job.name.startswith(name)] == [name]


def test_what_is_not_there(jobs: HttpJobs, name: str) -> None:
    jobs.delete(name)
    for attempt in (lambda: jobs.config(name), lambda: jobs.update(name, xml("x"))):
        with pytest.raises(JenkinsNotFound):
            attempt()
    with pytest.raises(JenkinsNotFound):
        jobs.create(f"{name}/inner", xml("x"))


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ("a?b", "unsafe character"),
        ("a.", "cannot end with"),
        (" ", "No name is specified"),
        ("a\tb", "No control code"),
    ],
)
def test_names_that_jenkins_refuses(jobs: HttpJobs, bad: str, told: str) -> None:
    with pytest.raises(JenkinsError, match=told) as caught:
        jobs.create(bad, xml("x"))
    assert caught.value.status == 400


@pytest.mark.parametrize("bad", ["", "a//b", "..", "a/.."])
def test_names_that_lead_elsewhere_are_not_asked_for(jobs: HttpJobs, bad: str) -> None:
    with pytest.raises(JenkinsError, match="no name for a job"):
        jobs.config(bad)


def test_plugins_have_short_names_and_versions(controller: Controller, jobs: HttpJobs) -> None:
    controller.needs("workflow-job")
    assert all(plugin.name and plugin.version for plugin in jobs.plugins())
    assert "workflow-job" in {plugin.name for plugin in jobs.plugins()}


def test_each_permission_that_is_missing_is_named() -> None:
    with FakeJenkins() as fake:
        jobs = HttpJobs(Connection("jenkins", [fake.url], user=USER, password=TOKEN))
        jobs.create("a", xml("x"))
        for permission, attempt in (
            ("Overall/Read", jobs.all),
            ("Job/ExtendedRead", lambda: jobs.config("a")),
            ("Job/Create", lambda: jobs.create("b", xml("x"))),
            ("Job/Configure", lambda: jobs.update("a", xml("x"))),
            ("Job/Delete", lambda: jobs.delete("a")),
            ("Overall/SystemRead", jobs.plugins),
        ):
            fake.rules.denied = {permission}
            with pytest.raises(JenkinsDenied) as caught:
                attempt()
            assert caught.value.permission == permission
            assert permission in caught.value.message


def test_a_password_needs_a_crumb_and_gets_one() -> None:
    with FakeJenkins() as fake:
        jobs = HttpJobs(Connection("jenkins", [fake.url], user=USER, password=PASSWORD))
        jobs.create("a", xml("x"))
        fake.rules.crumb = "another"
        jobs.update("a", xml("y"))
        assert read(jobs.config("a"), "x").description.startswith("y")


def test_a_wrong_token_is_told(controller: Controller) -> None:
    with pytest.raises(JenkinsDenied, match="does not know these credentials"):
        HttpJobs(controller.connection("wrong")).all()


def test_credentials_that_nobody_gave_are_told(controller: Controller) -> None:
    with pytest.raises(JenkinsDenied, match="no credentials were given") as caught:
        HttpJobs(Connection("jenkins", [controller.url])).create("nobody's", xml("x"))
    assert "CIPROV_JENKINS_USER" in caught.value.way_out
