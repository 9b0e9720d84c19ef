import pytest

from ciprov.domain.jobs import JobDefinition, Place, Plugin, PluginNeed, ServerJob
from ciprov.jobs.config_xml import FOLDER, read
from ciprov.jobs.mark import Mark
from ciprov.jobs.planning import Action, Live, Rules, plan

MARK = Mark("ours")
RULES = Rules(MARK)
PLACE = Place("jobs.yaml", 3, 5)
FREESTYLE = "<project><description>{text}</description></project>"


def defined(name, text="d", kind="", needs=()):
    xml = f"<{kind}><description>{text}</description></{kind}>" if kind else FREESTYLE.format(text=text)
    return JobDefinition(name, xml, PLACE, needs)


def there(name, text="d", mark=MARK, kind="project", holds=()):
    """The job, and its config.xml."""
    config = read(f"<{kind}><description>{text}</description></{kind}>", name)
    config = config.with_mark(mark if mark.job else mark.of(name)) if mark else config
    java = kind if kind == FOLDER else "hudson.model.FreeStyleProject"
    return ServerJob(name, java, config.description, holds), config.text()


def planned(definitions, live=(), rules=RULES, plugins=()):
    jobs = [job for job, _ in live]
    return plan(definitions, Live(jobs, {job.name: text for job, text in live}, plugins), rules)


def actions(found):
    return [(step.name, step.action) for step in found.steps]


def test_folders_come_before_what_is_in_them():
    found = planned([defined("a/b/c"), defined("z"), defined("a/b", kind=FOLDER), defined("a", kind=FOLDER)])
    assert actions(found) == [(name, Action.CREATE) for name in ("a", "z", "a/b", "a/b/c")]


def test_what_is_as_defined_is_kept_and_nothing_is_sent():
    found = planned([defined("a")], [there("a")])
    assert (actions(found), found.writes, found.differs) == ([("a", Action.KEEP)], (), False)


def test_what_differs_is_updated_with_the_mark_and_the_lines():
    (step,) = planned([defined("a", "new")], [there("a", "old")]).steps
    assert step.action is Action.UPDATE
    assert read(step.xml, "x").mark == MARK.of("a")
    assert {line[0] for line in step.diff[2:]} == {"@", "-", "+", " "}
    assert any("old" in line for line in step.diff if line.startswith("-"))


def test_a_token_that_starts_builds_stands_in_no_diff():
    kind = "<project><description>d</description><authToken>{}</authToken></project>"
    job, text = there("a")
    live = job, text.replace("</project>", "<authToken>old-secret</authToken></project>")
    (changed,) = planned([JobDefinition("a", kind.format("new-secret"), PLACE)], [live]).steps
    (made,) = planned([JobDefinition("a", kind.format("new-secret"), PLACE)]).steps
    assert (changed.action, made.action) == (Action.UPDATE, Action.CREATE)
    assert "new-secret" in changed.xml
    for diff in (changed.diff, made.diff):
        assert "secret" not in "".join(diff)
        assert "+  <authToken>(hidden)</authToken>" in diff


@pytest.mark.parametrize(("mark", "named"), [(None, "did not create"), (Mark("theirs"), "set theirs")])
def test_a_job_of_somebody_elses_is_refused_by_name(mark, named):
    found = planned([defined("a", "new")], [there("a", "old", mark)])
    (step,) = found.steps
    assert step.action is Action.REFUSE
    assert named in step.reason
    assert "--adopt" in step.reason
    assert not found.writes


@pytest.mark.parametrize("mark", [None, Mark("theirs")])
@pytest.mark.parametrize("text", ["new", "old"])
def test_adopting_brings_the_mark_even_where_nothing_else_differs(mark, text):
    (step,) = planned([defined("a", text)], [there("a", "old", mark)], Rules(MARK, adopt=True)).steps
    assert (step.action, step.reason) == (Action.UPDATE, "it is taken over")
    assert read(step.xml, "x").mark == MARK.of("a")


@pytest.mark.parametrize("adopt", [False, True])
def test_a_job_cannot_become_another_type(adopt):
    (step,) = planned([defined("a", kind="flow-definition")], [there("a")], Rules(MARK, adopt=adopt)).steps
    assert step.action is Action.REFUSE
    assert "another type" in step.reason


def test_a_job_in_a_folder_that_nobody_has_is_refused():
    (step,) = planned([defined("a/b")]).steps
    assert step.action is Action.REFUSE
    assert "the folder a " in step.reason


def test_a_folder_of_somebody_elses_may_hold_ours():
    found = planned([defined("a/b")], [there("a", mark=None, kind=FOLDER)])
    assert actions(found) == [("a/b", Action.CREATE)]


def test_what_people_set_up_in_a_folder_is_sent_back():
    job, text = there("f", "old", kind=FOLDER)
    text = text.replace("</description>", "</description><properties><a.Credentials/></properties>")
    (step,) = planned([defined("f", "new", kind=FOLDER)], [(job, text)]).steps
    assert step.action is Action.UPDATE
    assert "<a.Credentials />" in step.xml


def test_only_ours_are_orphans_and_only_prune_deletes_them():
    live = [there("mine"), there("by-hand", mark=None), there("theirs", mark=Mark("theirs"))]
    found = planned([], live)
    assert actions(found) == [("mine", Action.ORPHAN)]
    assert found.differs
    assert not found.writes
    assert actions(planned([], live, Rules(MARK, prune=True))) == [("mine", Action.DELETE)]


def test_a_folder_goes_after_what_was_in_it_and_stays_with_what_is_not_ours():
    inside = [there("f", kind=FOLDER, holds=("f/a", "f/b")), there("f/a"), there("f/b")]
    assert actions(planned([], inside, Rules(MARK, prune=True))) == [
        ("f/a", Action.DELETE),
        ("f/b", Action.DELETE),
        ("f", Action.DELETE),
    ]
    inside[2] = there("f/b", mark=None)
    assert actions(planned([], inside, Rules(MARK, prune=True))) == [("f/a", Action.DELETE), ("f", Action.ORPHAN)]


def test_a_folder_stays_for_a_defined_job_in_it():
    live = [there("f", kind=FOLDER, holds=("f/a",)), there("f/a")]
    assert actions(planned([defined("f/a")], live, Rules(MARK, prune=True))) == [
        ("f/a", Action.KEEP),
        ("f", Action.ORPHAN),
    ]


def test_plugins_that_are_missing_are_told_with_all_that_needs_them():
    needs = (PluginNeed("git", "scm git", PLACE), PluginNeed("timestamper", "wrapper timestamps", PLACE))
    jobs = [defined("a", needs=needs), defined("b", needs=needs[:1])]
    found = planned(jobs, plugins=[Plugin("timestamper", "1")])
    (missing,) = found.missing
    assert str(missing) == (
        "jobs.yaml:3:5: the plugin git is not on that Jenkins; scm git of a and another job need it"
    )
    assert not planned(
        jobs, plugins=[Plugin("timestamper", "1")], rules=Rules(MARK, ignored_plugins=frozenset({"git"}))
    ).missing
    assert not planned(jobs, plugins=None).missing


def test_a_copy_that_somebody_made_in_jenkins_is_neither_deleted_nor_changed():
    copy = there("copy", mark=MARK.of("a"))
    assert actions(planned([defined("a")], [there("a"), copy], Rules(MARK, prune=True))) == [("a", Action.KEEP)]
    (step,) = planned([defined("copy", "new")], [copy]).steps
    assert step.action is Action.REFUSE
    assert "its mark is that of a: somebody copied or renamed it" in step.reason


def test_a_name_that_differs_in_capitals_alone_is_refused():
    (step,) = planned([defined("Größe")], [there("größe")], Rules(MARK, adopt=True)).of(Action.REFUSE)
    assert "has größe" in step.reason


def test_a_password_is_hidden_where_the_diff_begins_below_its_class():
    fields = "".join(f"<f{number}/>" for number in range(8))
    password = "<name>P</name><description/><defaultValue>hush</defaultValue>"
    between = f"<x.T>{fields}</x.T><x.PasswordParameterDefinition>{password}</x.PasswordParameterDefinition>"
    job = "<project><p>{}<x.S><name>{}</name></x.S></p></project>"
    config = read(job.format(between, "old"), "a").with_mark(MARK.of("a"))
    live = (ServerJob("a", "hudson.model.FreeStyleProject", config.description), config.text())
    (step,) = planned([JobDefinition("a", job.format(f"<x.S/>{between}", "new"), PLACE)], [live]).of(Action.UPDATE)
    told = "\n".join(step.diff)
    assert "<x.PasswordParameterDefinition>" not in told
    assert "<defaultValue>(hidden)</defaultValue>" in told


def test_two_definitions_that_differ_in_capitals_alone_are_refused():
    found = planned([defined("Größe"), defined("größe")])
    assert actions(found) == [("Größe", Action.REFUSE), ("größe", Action.REFUSE)]
    assert "größe is defined, too" in found.steps[0].reason
