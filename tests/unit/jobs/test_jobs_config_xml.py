from pathlib import Path

import pytest
from ruamel.yaml import YAML

from ciprov.foundation.errors import CiprovError
from ciprov.jobs.comparing import compared
from ciprov.jobs.config_xml import FOLDER, read
from ciprov.jobs.mark import Mark

CASES = Path(__file__).resolve().parents[2] / "cases" / "job_configs"


def cases():
    for file in sorted(CASES.glob("*.yaml")):
        for case in YAML(typ="safe").load(file.read_text()):
            yield pytest.param(case, id=f"{file.stem}: {case['case']}")


@pytest.mark.parametrize("case", list(cases()))
def test_what_differs_and_what_jenkins_is_sent(case):
    desired, live = read(case["defined"], "defined"), read(case["live"], "live")
    there, wanted = compared(desired, live)
    assert (there == wanted) is case["same"], "\n".join([*there, "---", *wanted])
    merged = desired.merged_into(live)
    for text in case.get("sent", []):
        assert text in "".join(merged.text().split())
    for text in case.get("not_sent", []):
        assert text not in "".join(merged.text().split())
    # What was sent is no difference any more.
    there, wanted = compared(desired, merged)
    assert there == wanted


def test_a_mark_survives_xml_and_stands_in_the_description():
    config = read("<project><description>a &lt; b</description></project>", "x").with_mark(Mark("s"))
    again = read(config.text(), "x")
    assert (again.mark, again.description) == (Mark("s"), "a < b\n\n[ciprov jobs=s]")


def test_a_folder_gets_no_fields_that_only_builds_have():
    xml = f"<{FOLDER}><canRoam>true</canRoam><scm/></{FOLDER}>"
    assert [child.tag for child in read(xml, "x").with_mark(Mark("s")).root] == ["description"]


def test_the_version_that_jenkins_declares_and_characters_of_xml_1_1():
    text = "<?xml version='1.1' encoding='UTF-8'?>\n<project><description>a&#x1b;[0m</description></project>"
    assert read(text, "x").description == "a\ufffd[0m"


def test_control_characters_of_a_folder_go_back_as_they_are():
    text = f"<?xml version='1.1'?>\n<{FOLDER}><displayName>a&#x1b;&#31;\u2028&#x85;b</displayName></{FOLDER}>"
    wanted = read(f"<{FOLDER}><description>new</description></{FOLDER}>", "x")
    sent = wanted.merged_into(read(text, "x")).text()
    assert sent.startswith("<?xml version='1.1'")
    assert "<displayName>a&#x1b;&#x1f;&#x2028;&#x85;b</displayName>" in sent


def test_characters_that_xml_1_1_refuses_or_changes_are_sent_as_they_are():
    sent = read("<project><description>a\u0080\u0085\u2028b</description></project>", "x").text()
    assert sent.startswith("<?xml version='1.0'")
    assert "a\u0080\u0085\u2028b" in sent


@pytest.mark.parametrize("text", ["", "<a>", "no xml", "<!DOCTYPE a><a/>", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"])
def test_what_cannot_be_read_names_its_place(text):
    with pytest.raises(CiprovError, match="job x"):
        read(text, "job x")
