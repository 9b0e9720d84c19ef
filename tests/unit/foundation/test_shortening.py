import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciprov.foundation.shortening import shortened


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        ("all of  it\n fits", 20, "all of it fits"),
        ("it broke; check the name, or ask", 20, "it broke; check …"),
        ("the image is not there; check the name", 30, "the image is not there …"),
        ("The image is not there. Check the name", 30, "The image is not there. …"),
        ("the image is not there\ncheck the name", 30, "the image is not there …"),
        ("the image, which it wants, is gone", 30, "the image, which it wants …"),
        ("a" * 50, 10, "aaaaaaaa …"),
        ("", 10, ""),
    ],
)
def test_it_is_cut_after_a_sentence_else_a_part_else_a_word(text: str, most: int, expected: str) -> None:
    assert shortened(text, most) == expected


@given(st.text(alphabet="ab ;.,\n", max_size=80), st.integers(10, 60))
def test_it_is_one_line_of_that_length_at_most(text: str, most: int) -> None:
    told = shortened(text, most)
    assert len(told) <= most
    assert "\n" not in told
    assert (told == " ".join(text.split())) or told.endswith(" …")
