import pytest

from ciprov.foundation.errors import UsageError
from ciprov.jobs.mark import Mark, mark_in, marked


@pytest.mark.parametrize("description", ["", "Builds it.", "Two\nlines", "ends with [brackets]"])
def test_a_mark_is_found_again_and_leaves_the_text(description):
    text = marked(description, Mark("team-a"))
    assert mark_in(text) == Mark("team-a")
    assert text.startswith(description)
    assert marked(text, Mark("team-a")) == text


@pytest.mark.parametrize("job", ["a", "f/b c", "ä/of b"])
def test_a_mark_names_its_job(job):
    text = marked("Builds it.", Mark("team-a").of(job))
    assert text == f"Builds it.\n\n[ciprov jobs=team-a of {job}]"
    assert mark_in(text) == Mark("team-a").of(job)
    assert marked(text, Mark("team-a").of("z")) == "Builds it.\n\n[ciprov jobs=team-a of z]"


def test_one_mark_takes_the_place_of_another():
    text = marked(marked("Builds it.", Mark("a")), Mark("b"))
    assert (text, mark_in(text)) == ("Builds it.\n\n[ciprov jobs=b]", Mark("b"))


@pytest.mark.parametrize(
    "description",
    ["[ciprov jobs=a] and more", "[ciprov jobs=]", "[ciprov service=a]", "ciprov jobs=a", "[ciprov jobs=a b]"],
)
def test_what_is_no_mark(description):
    assert mark_in(description) is None


@pytest.mark.parametrize("name", ["", "-a", "a]", "a b", "x" * 65, "a."])
def test_names_that_no_mark_can_hold(name):
    with pytest.raises(UsageError):
        Mark(name)
