import pytest

from ciprov.clients.job_builder.names import unfit


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("f/ä b 日本 (c) {d} +,=~`'\"", ""),
        ("x" * 255, ""),
        ("f/" + "é" * 128, "longer than 255 bytes"),
        ("e\u0301", "one by one"),
        ("a\u0085b", "does not allow"),
        ("a\\b", "does not allow"),
    ],
)
def test_what_a_jenkins_was_seen_to_make_a_directory_of(name, why):
    assert why in unfit(name)
    assert bool(why) == bool(unfit(name))
