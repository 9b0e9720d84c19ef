import logging
import os
from pathlib import Path
from xml.etree import ElementTree

import pytest
from ruamel.yaml import YAML

from ciprov.clients.job_builder.importing import require
from ciprov.domain.jobs import Plugin
from ciprov.foundation.errors import UsageError

require()

from ciprov.clients.job_builder.rendering import render  # noqa: E402 - needs the extra

ROOT = Path(__file__).resolve().parents[4]
CASES = ROOT / "tests" / "cases" / "job_definitions"


def cases():
    for file in sorted(CASES.glob("*.yaml")):
        for case in YAML(typ="safe").load(file.read_text()):
            yield pytest.param(case, id=f"{file.stem}: {case['case']}")


def rendered(directory, text, monkeypatch):
    monkeypatch.chdir(directory)
    Path("jobs.yaml").write_text(text)
    return render([Path("jobs.yaml")])


def told(finding):
    place, way_out = finding.place, f"; {finding.way_out}" if finding.way_out else ""
    return f"{place.line}:{place.column} {finding.severity} {finding.message}{way_out}"


@pytest.mark.parametrize("case", list(cases()))
def test_findings(case, tmp_path, monkeypatch):
    found = [told(finding) for finding in rendered(tmp_path, case["text"], monkeypatch).findings]
    assert len(found) == len(case["findings"]), found
    for text, expected in zip(found, case["findings"], strict=True):
        assert text.startswith(expected)


def test_good_definitions_of_every_kind_have_no_findings(tmp_path, monkeypatch):
    text = """
- job: {name: f, project-type: folder, description: d}
- defaults: {name: global, url: u}
- scm: {name: repository, scm: [git: {url: '{url}', branches: [main]}]}
- builder: {name: make, builders: [shell: 'make {what}']}
- job-template:
    name: '{kind}-build'
    folder: f
    scm: [repository]
    builders: [make: {what: '{kind}'}]
    wrappers: [timestamps, timeout: {timeout: 5, abort: true}]
- job-group: {name: all, jobs: ['{kind}-build']}
- project: {name: p, kind: [fast, slow], jobs: [all]}
- job:
    name: from-repository
    project-type: pipeline
    pipeline-scm: {scm: [repository], script-path: J, lightweight-checkout: true}
- job: {name: branches, project-type: multibranch, scm: [git: {url: u, discover-branches: true}]}
"""
    found = rendered(tmp_path, text, monkeypatch)
    assert [str(finding) for finding in found.findings] == []
    roots = {job.name: ElementTree.fromstring(job.xml) for job in found.jobs}
    assert {name: root.tag.rpartition(".")[2] for name, root in roots.items()} == {
        "f": "Folder",
        "f/fast-build": "project",
        "f/slow-build": "project",
        "from-repository": "flow-definition",
        "branches": "WorkflowMultiBranchProject",
    }
    assert roots["f/slow-build"].findtext("builders/hudson.tasks.Shell/command") == "make slow"
    assert roots["f"].findtext("description") == "d"
    assert roots["branches"].find("description") is None or not roots["branches"].findtext("description")
    needs = {job.name: {need.plugin for need in job.needs} for job in found.jobs}
    assert needs["f/fast-build"] == {"git", "timestamper", "build-timeout"}
    assert needs["from-repository"] == {"git", "workflow-job", "workflow-cps"}
    assert {"workflow-multibranch", "branch-api", "git"} <= needs["branches"]
    assert needs["f"] == {"cloudbees-folder"}


def test_what_needs_a_plugin_has_its_place(tmp_path, monkeypatch):
    (job,) = rendered(tmp_path, "- job:\n    name: a\n    wrappers:\n      - ansicolor\n", monkeypatch).jobs
    (need,) = job.needs
    assert (need.plugin, need.key, str(need.place)) == ("ansicolor", "wrapper ansicolor", "jobs.yaml:4:9")


@pytest.mark.parametrize(
    ("rest", "plugins"),
    [
        ("project-type: matrix", {"matrix-project"}),
        ("project-type: maven", {"maven-plugin"}),
        ("project-type: multijob", {"jenkins-multijob-plugin"}),
        ("builders: [copyartifact: {project: b}, powershell: x]", {"copyartifact", "powershell"}),
        ("builders: [fingerprint: {targets: x}]", {"create-fingerprint"}),
        ("scm: [svn: {url: x}]", {"subversion"}),
        ("properties: [authorization: {anonymous: [job-read]}]", {"matrix-auth"}),
        ("parameters: [node: {name: n}]", {"nodelabelparameter"}),
        ("properties: [disable-resume]", {"workflow-job"}),
        ("publishers: [aggregate-tests, junit: {results: x}]", {"junit"}),
        ("publishers: [archive: {artifacts: x}, fingerprint: {files: x}, trigger: {project: b}]", set()),
        ("builders: [shell: x, batch: x], triggers: [timed: x, pollscm: {cron: x}, reverse: {jobs: b}]", set()),
        ("parameters: [string: {name: a}, bool: {name: b}, run: {name: r, project-name: b}]", set()),
    ],
)
def test_plugins_that_no_attribute_names(rest, plugins, tmp_path, monkeypatch):
    found = rendered(tmp_path, f"- job: {{name: a, {rest}}}\n", monkeypatch)
    assert [{need.plugin for need in job.needs} for job in found.jobs] == [plugins], found.findings


def test_git_is_written_as_its_plugin_keeps_it(tmp_path, monkeypatch):
    text = """
- job:
    name: a
    scm:
      - git:
          url: u
          git-config-name: n
          git-config-email: n@example.org
          recursive-submodules: true
          reference-repo: /r
          wipe-workspace: false
          fastpoll: true
"""
    (job,) = rendered(tmp_path, text, monkeypatch).jobs
    scm = ElementTree.fromstring(job.xml).find("scm")
    former = {"gitConfigName", "gitConfigEmail", "recursiveSubmodules", "disableSubmodules", "reference", "remotePoll"}
    assert not former & {child.tag for child in scm}
    kept = {each.tag.rpartition(".")[2]: {child.tag: child.text for child in each} for each in scm.find("extensions")}
    assert kept["UserIdentity"] == {"name": "n", "email": "n@example.org"}
    assert kept["SubmoduleOption"]["recursiveSubmodules"] == "true"
    assert kept["CloneOption"]["reference"] == "/r"


def test_versions_of_plugins_count(tmp_path):
    file = tmp_path / "jobs.yaml"
    file.write_text("- job: {name: a, wrappers: [timeout: {timeout: 5}]}\n")
    (newest,), (old,) = render([file]).jobs, render([file], [Plugin("build-timeout", "1.5", "Build Timeout")]).jobs
    assert newest.xml != old.xml


def test_python_in_a_tag_is_not_run(tmp_path):
    file, there = tmp_path / "jobs.yaml", tmp_path / "there"
    file.write_text(f'- job: {{name: !!python/object/apply:os.mkdir ["{there}"]}}\n')
    inner = tmp_path / "inner.yaml.inc"
    inner.write_text(f'!!python/object/apply:os.mkdir ["{there}"]\n')
    (tmp_path / "outer.yaml").write_text("- job: {name: a, description: !include: inner.yaml.inc}\n")
    found = render([tmp_path])
    assert len([finding for finding in found.findings if finding.is_error]) == 2
    assert not there.exists()


@pytest.mark.parametrize(
    "description",
    [
        "!j2: \"{{ cycler.__init__.__globals__.os.mkdir('there') }}\"",
        "!j2-yaml: \"{{ ''.__class__.__mro__[1].__subclasses__() }}\"",
        "!include-jinja2: evil.j2",
    ],
)
def test_a_template_in_jinja_reaches_no_python(description, tmp_path, monkeypatch):
    (tmp_path / "evil.j2").write_text("{{ cycler.__init__.__globals__.os.mkdir('there') }}")
    text = f"- job-template:\n    name: a\n    description: {description}\n- project: {{name: p, jobs: [a]}}\n"
    (finding,) = rendered(tmp_path, text, monkeypatch).findings
    assert "is unsafe" in finding.message
    assert not Path("there").exists()


def test_templates_in_jinja_and_included_files_use_parameters(tmp_path, monkeypatch):
    (tmp_path / "s.sh").write_text("echo {greeting}")
    (tmp_path / "s.j2").write_text("echo {{ greeting | upper }}")
    text = """
- job: {name: a, greeting: hello, builders: [shell: !include-raw-expand: s.sh]}
- job: {name: b, greeting: hello, builders: [shell: !include-jinja2: s.j2]}
- job-template: {name: 'c-{x}', builders: [shell: !include-jinja2: s.j2]}
- job-template: {name: 'd-{x}', description: !j2: '{{ greeting }}'}
- project: {name: p, x: 1, greeting: hello, jobs: ['c-{x}', 'd-{x}']}
"""
    found = rendered(tmp_path, text, monkeypatch)
    assert [str(finding) for finding in found.findings] == []
    assert [("hello" in job.xml.lower()) for job in found.jobs] == [True] * 4


def test_settings_and_definitions_of_the_home_are_not_looked_at(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("jenkins_jobs.ini").write_text("[job_builder]\nallow_duplicates=True\n")
    Path("jobs.yaml").write_text("- job: {name: a}\n- job: {name: a}\n")
    assert len(render([Path("jobs.yaml")]).findings) == 1


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        render([tmp_path / "nothing.yaml"])
    with pytest.raises(UsageError, match=r"no \.yaml file"):
        render([tmp_path])


def test_the_definitions_of_this_repository_are_good():
    found = render([ROOT / "jobs"])
    assert [str(finding) for finding in found.findings] == []
    assert {job.name for job in found.jobs} >= {"ciprov", "ciprov/environment-up", "ciprov/seed"}


def test_nothing_is_logged(tmp_path, monkeypatch, caplog):
    with caplog.at_level(logging.DEBUG):
        rendered(tmp_path, "- job: {name: a, logrotate: {daysToKeep: 1}}\n- job: {name: a}\n", monkeypatch)
    assert [record.message for record in caplog.records if "jenkins_jobs" in record.pathname] == []


DEFINITIONS = os.environ.get("CIPROV_TEST_DEFINITIONS")


@pytest.mark.skipif(not DEFINITIONS, reason="beside what CIPROV_TEST_DEFINITIONS names, there is no directory jjb")
def test_definitions_of_others_are_read_and_what_they_lack_is_named():
    """Each is one file of many, so templates and included files are missing, and nothing else is wrong."""
    files = sorted(Path(str(DEFINITIONS)).parent.joinpath("jjb").glob("*.y*ml"))
    assert files
    for file in files:
        errors = [finding for finding in render([file]).findings if finding.is_error]
        odd = [
            str(finding)
            for finding in errors
            if not any(part in finding.message for part in ("does not exist in any", "there is no job or template"))
        ]
        assert odd == []
