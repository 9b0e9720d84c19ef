"""`ciprov jobs` from the command line, against a small Jenkins."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_jenkins import FakeJenkins
from fake_jenkins_routes import TOKEN, USER
from jenkins_http import JenkinsHttp
from scenario_cli import REPOSITORY, Outcome, eventually

JOBS = REPOSITORY / "jobs"
NAMES = [
    "ciprov",
    *(
        f"ciprov/{name}"
        for name in (
            "environment-down",
            "environment-up",
            "environments-branches",
            "example-build",
            "nightly-teardown",
            "seed",
        )
    ),
]


class Sync:
    """`ciprov jobs` with the fake's address and credentials in variables."""

    def __init__(self, jenkins: FakeJenkins, directory: Path) -> None:
        self.jenkins = jenkins
        self.directory = directory
        kept = {key: value for key, value in os.environ.items() if not key.startswith("CIPROV_")}
        self.environment = kept | {
            "CIPROV_JENKINS_URL": jenkins.url,
            "CIPROV_JENKINS_USER": USER,
            "CIPROV_JENKINS_TOKEN": TOKEN,
            "CIPROV_STATE_DIR": str(directory / "state"),
            "HOME": str(directory),
            "CI": "true",
        }

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "ciprov", "jobs", *arguments]

    def run(self, *arguments: str) -> Outcome:
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        assert TOKEN not in done.stdout + done.stderr
        return Outcome(done.returncode, done.stdout, done.stderr, ("jobs", *arguments))

    @property
    def there(self) -> list[str]:
        return sorted(self.jenkins.controller.configs.texts)

    @property
    def writes(self) -> list[str]:
        return [request for request in self.jenkins.requests if request.startswith("POST")]


@pytest.fixture
def sync(tmp_path: Path) -> Iterator[Sync]:
    with FakeJenkins("/jenkins") as jenkins:
        yield Sync(jenkins, tmp_path)


def test_the_jobs_of_this_repository_from_nothing_to_nothing(sync: Sync) -> None:
    jobs = str(JOBS)
    dry = sync.run("sync", jobs, "--dry-run", "-o", "json")
    assert dry.code == 2
    assert [(job["job"], job["action"]) for job in dry.json["jobs"]] == [(name, "create") for name in NAMES]
    assert sync.run("sync", jobs, "--dry-run", "-o", "dotenv").out == "CIPROV_JOBS_TO_CREATE=7\n"
    assert not sync.writes

    first = sync.run("sync", jobs, "-o", "json")
    assert (first.code, first.json["counts"]) == (0, {"created": 7})
    assert sync.there == NAMES
    assert "jenkins: jenkins (http://127.0.0.1:" in first.err

    sync.jenkins.requests.clear()
    again = sync.run("sync", jobs, "-o", "json")
    assert (again.code, again.json["counts"], sync.writes) == (0, {"unchanged": 7}, [])

    configs = sync.jenkins.controller.configs
    for name in sync.there:
        configs.saved_by_hand(name)
    assert sync.run("diff", jobs).code == 0

    configs.texts["ciprov/seed"] = configs.texts["ciprov/seed"].replace("H/10 *", "H/15 *")
    differs = sync.run("diff", jobs)
    assert differs.code == 2
    assert "-          <spec>H/15 * * * *</spec>" in differs.out
    assert "+          <spec>H/10 * * * *</spec>" in differs.out
    sync.jenkins.requests.clear()
    assert sync.run("sync", jobs, "-o", "dotenv").out.split() == ["CIPROV_JOBS_UNCHANGED=6", "CIPROV_JOBS_UPDATED=1"]
    assert len(sync.writes) == 1

    (sync.directory / "few.yaml").write_text((JOBS / "defaults.yaml").read_text())
    left = sync.run("sync", "few.yaml")
    assert (left.code, sync.there) == (0, NAMES)
    assert "--prune deletes them" in left.err
    assert sync.run("diff", "few.yaml").code == 2
    assert sync.run("sync", "few.yaml", "--prune").code == 0
    assert sync.there == ["ciprov"]


AWKWARD = """
- job:
    name: build
    logrotate: {daysToKeep: 3}
    parameters: [password: {name: P, default: hush-hush}]
    triggers: [pollscm: {cron: '@daily'}]
    publishers: [junit: {results: '*.xml'}]
- job: {name: pipe, project-type: pipeline, dsl: 'echo 1', concurrent: true}
- job:
    name: matrix
    project-type: matrix
    execution-strategy: {sequential: true}
    axes: [axis: {type: jdk, values: [a]}]
"""


def test_what_jenkins_makes_of_jobs_is_no_difference_and_what_is_missing_is_one(sync: Sync) -> None:
    configs = sync.jenkins.controller.configs
    configs.plugins["junit"] = "1307.vdd5b_2646279e"
    file = sync.directory / "jobs.yaml"
    file.write_text(AWKWARD)
    assert sync.run("sync", "jobs.yaml").code == 0
    for name in sync.there:
        configs.saved_by_hand(name)
    same = sync.run("diff", "jobs.yaml")
    assert (same.code, same.out) == (0, "3 unchanged\n")
    assert "logrotate is deprecated" in same.err

    file.write_text(AWKWARD.replace("concurrent: true", "concurrent: false").replace("'*.xml'", "'x'"))
    differs = sync.run("diff", "jobs.yaml")
    assert (differs.code, "DisableConcurrentBuildsJobProperty" in differs.out) == (2, True)
    assert "hush-hush" not in differs.out
    assert sync.run("sync", "jobs.yaml").code == 0
    assert "hush-hush" in configs.texts["build"]


def test_nothing_that_ciprov_did_not_create_is_changed(sync: Sync) -> None:
    JenkinsHttp(sync.jenkins.url, USER, TOKEN).freestyle("mine")
    by_hand = sync.jenkins.controller.configs.texts["mine"]
    (sync.directory / "jobs.yaml").write_text("- job: {name: mine, description: new}\n- job: {name: other}\n")
    refused = sync.run("sync", "jobs.yaml", "--prune")
    assert refused.code == 1
    assert "jobs.yaml:1:3: job mine: ciprov did not create the job of that name" in refused.err
    assert "--adopt" in refused.err
    assert sync.jenkins.controller.configs.texts == {"mine": by_hand}

    theirs = sync.directory / "theirs.yaml"
    theirs.write_text("- job: {name: theirs}\n")
    assert sync.run("sync", "theirs.yaml", "--set", "team").code == 0
    assert sync.run("sync", "jobs.yaml", "--prune", "--adopt").code == 0
    assert sync.there == ["mine", "other", "theirs"]
    theirs.write_text("- job: {name: theirs, description: new}\n")
    assert "set team, here ciprov" in sync.run("sync", "theirs.yaml").err


def test_one_clear_error_for_each_thing_that_is_missing(sync: Sync) -> None:
    del sync.jenkins.controller.configs.plugins["git"]
    plugin = sync.run("sync", str(JOBS))
    assert plugin.code == 1
    assert "the plugin git is not on that Jenkins; scm git of ciprov/seed" in plugin.err
    assert not sync.writes
    assert sync.run("sync", str(JOBS), "--dry-run").code == 1

    sync.jenkins.controller.configs.plugins["git"] = "5.4.1"
    sync.jenkins.rules.denied = {"Job/Create"}
    denied = sync.run("sync", str(JOBS), "-o", "json")
    assert denied.code == 1
    assert denied.json["counts"] == {"failed": 1, "skipped": 6}
    assert "the permission Job/Create is missing" in denied.json["jobs"][0]["reason"]

    sync.jenkins.rules.denied = {"Overall/SystemRead"}
    unseen = sync.run("diff", str(JOBS))
    assert unseen.code == 2
    assert "Overall/SystemRead is missing" in unseen.err

    wrong = sync.run("diff", str(JOBS), "--jenkins-url", "http://127.0.0.1:1")
    assert (wrong.code, "nothing listens there" in wrong.err) == (1, True)
    sync.environment["CIPROV_JENKINS_TOKEN"] = "not-it"
    assert "does not know these credentials" in sync.run("diff", str(JOBS)).err
    del sync.environment["CIPROV_JENKINS_URL"]
    nowhere = sync.run("diff", str(JOBS))
    assert nowhere.code == 64


def test_the_jenkins_of_the_clusters_agents(sync: Sync) -> None:
    (sync.directory / "token").write_text(TOKEN)
    (sync.directory / "config.yaml").write_text(
        "clusters:\n  ci:\n    mesos: http://127.0.0.1:1\n    agents:\n"
        f"      jenkins: {{url: '{sync.jenkins.url}', user: {USER}, token_file: token}}\n"
        "      templates: {shell: {labels: shell, cpus: 1, mem: 256}}\n"
    )
    for name in [name for name in sync.environment if name.startswith("CIPROV_JENKINS")]:
        del sync.environment[name]
    sync.environment["CIPROV_CONFIG"] = str(sync.directory / "config.yaml")
    assert sync.run("sync", str(JOBS)).code == 0
    assert sync.there == NAMES


def test_bad_definitions_are_told_all_at_once_and_nobody_is_asked(sync: Sync) -> None:
    (sync.directory / "jobs").mkdir()
    (sync.directory / "jobs" / "a.yaml").write_text("- job: {name: a, project-type: pipline}\n- jbo: {name: b}\n")
    checked = sync.run("check", "-o", "json")
    assert checked.code == 1
    assert [(each["line"], each["column"]) for each in checked.json["findings"]] == [(1, 32), (2, 3)]
    for command in ("render", "diff", "sync"):
        refused = sync.run(command)
        assert refused.code == 1
        assert "jobs/a.yaml:1:32: there is no job type 'pipline'; did you mean pipeline?" in refused.err
    assert not sync.jenkins.requests
    assert sync.run("check", "nothing.yaml").code == 64


def test_rendering_to_a_directory(sync: Sync) -> None:
    done = sync.run("render", str(JOBS), "--to", "out", "-o", "json")
    assert [job["file"] for job in done.json["jobs"] if job["job"] == "ciprov/seed"] == ["out/ciprov/seed/config.xml"]
    written = (sync.directory / "out/ciprov/seed/config.xml").read_text()
    assert sync.run("render", str(JOBS), "--job", "ciprov/seed").out == written + (
        "" if written.endswith("\n") else "\n"
    )
    assert sync.run("render", str(JOBS), "--job", "ciprov/sed").code == 64


def test_an_interrupted_sync_is_repeated(sync: Sync) -> None:
    text = "".join(f"- job: {{name: job{number:03}}}\n" for number in range(150))
    (sync.directory / "many.yaml").write_text(text)
    running = subprocess.Popen(
        sync.command("sync", "many.yaml"),
        env=sync.environment,
        cwd=sync.directory,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    eventually(lambda: len(sync.there) > 3)
    running.send_signal(signal.SIGINT)
    assert running.wait(30) == 130
    done = len(sync.there)
    assert 3 < done < 150
    again = sync.run("sync", "many.yaml", "-o", "json")
    assert again.code == 0
    assert again.json["counts"] == {"unchanged": done, "created": 150 - done}


def test_without_the_extra_it_is_named(sync: Sync) -> None:
    hidden = sync.directory / "jenkins_jobs"
    hidden.mkdir()
    (hidden / "__init__.py").write_text("raise ModuleNotFoundError(\"No module\", name='jenkins_jobs')\n")
    sync.environment["PYTHONPATH"] = f"{sync.directory}:{REPOSITORY}"
    lacking = sync.run("check", str(JOBS))
    assert lacking.code == 1
    assert "pip install 'ciprov[jobs]'" in lacking.err
