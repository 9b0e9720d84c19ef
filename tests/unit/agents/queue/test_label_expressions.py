from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from label_truth import NoExpression, labels_in, true_for
from ruamel.yaml import YAML

from ciprov.agents.queue.labels import (
    And,
    Atom,
    Expression,
    Iff,
    Implies,
    LabelError,
    Not,
    Or,
    canonical,
    holds,
    names,
    parse,
)

CASES = Path(__file__).parents[3] / "cases" / "labels"


def cases(file: str):
    return [pytest.param(case, id=case["text"] or "empty") for case in YAML(typ="safe").load(CASES / file)]


@pytest.mark.parametrize("case", cases("holds.yaml"))
def test_an_expression_holds_for_the_labels_that_it_means(case):
    expression = parse(case["text"])
    assert [holds(expression, set(labels)) for labels in case["yes"]] == [True] * len(case["yes"])
    assert [holds(expression, set(labels)) for labels in case["no"]] == [False] * len(case["no"])
    assert canonical(expression) == case["canonical"]
    assert all(true_for(case["text"], set(labels)) for labels in case["yes"])
    assert not any(true_for(case["text"], set(labels)) for labels in case["no"])


@pytest.mark.parametrize("case", cases("wrong.yaml"))
def test_a_wrong_expression_is_told_with_its_column(case):
    with pytest.raises(LabelError) as caught:
        parse(case["text"])
    assert (caught.value.column, case["told"] in caught.value.message) == (case["column"], True), caught.value


def wrong_at(text: str) -> int | None:
    try:
        parse(text)
    except LabelError as error:
        return error.column
    return None


ATOMS = st.sampled_from(["a", "b", "c", "a-b", "two words", 'q"\\', "-"])
EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    ATOMS.map(Atom),
    lambda inner: st.one_of(
        inner.map(Not), *(st.builds(operator, inner, inner) for operator in (And, Or, Implies, Iff))
    ),
    max_leaves=8,
)
LABELS = st.sets(ATOMS)


def value(expression: Expression, labels: set[str]) -> bool:
    """By a table of truth values."""
    match expression:
        case Atom(name):
            return name in labels
        case Not(term):
            return {True: False, False: True}[value(term, labels)]
        case _:
            table = {
                And: (False, False, False, True),
                Or: (False, True, True, True),
                Implies: (True, True, False, True),
                Iff: (True, False, False, True),
            }[type(expression)]
            return table[2 * value(expression.left, labels) + value(expression.right, labels)]


@given(EXPRESSIONS, LABELS)
def test_the_canonical_text_means_the_same(expression, labels):
    text = canonical(expression)
    assert parse(text) == expression
    assert holds(expression, labels) == value(expression, labels) == true_for(text, labels)


@given(st.lists(st.sampled_from(["a", "b", "c", "&&", "||", "->", "<->", "!", "(", ")", " ", '"d e"']), max_size=9))
def test_both_readings_agree_on_any_text(pieces):
    text = " ".join(pieces)
    column = wrong_at(text)
    if column is not None:
        assert 1 <= column <= len(text) + 1
        with pytest.raises(NoExpression):
            true_for(text, set())
        return
    expression = parse(text)
    for labels in ([], ["a"], ["b", "c"], ["a", "b"], ["a", "b", "c", "d e"]):
        assert holds(expression, labels) == true_for(text, labels)


@given(EXPRESSIONS, LABELS)
def test_other_labels_than_its_names_make_no_difference(expression, labels):
    assume(holds(expression, labels))
    assert holds(expression, labels & names(expression))


@given(st.text(max_size=40))
def test_no_text_gives_anything_but_an_expression_or_its_error(text):
    assert 1 <= (wrong_at(text) or 1) <= len(text) + 1


@pytest.mark.parametrize("text", ["(" * 60 + "a" + ")" * 60, "||".join("a" * 1000)])
def test_what_nobody_writes_is_refused_and_not_run_out_of_stack(text):
    with pytest.raises(LabelError, match="too many"):
        parse(text)


def test_the_longest_that_is_allowed_can_be_worked_with():
    expression = parse("||".join(["x"] * 299))
    assert holds(expression, {"x"})
    assert parse(canonical(expression)) == expression
    assert names(expression) == {"x"}


def test_the_labels_of_a_node_are_read_from_their_text():
    assert labels_in('  linux "two words" jdk-17\n"a\\"b" ') == {"linux", "two words", "jdk-17", 'a"b'}
    assert labels_in("it's one' 'x\\ y \"c\"d' \\z e\\n") == {"its one", 'x y "c"d', "\\z", "e\\n"}
