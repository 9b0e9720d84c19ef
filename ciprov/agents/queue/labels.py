"""Jenkins's label expressions: which sets of labels they hold for.

From loosest to tightest: `<->` (chains), `->` (does not chain), `||`, `&&`, `!` (not twice in a row), parentheses and
names. Names with blanks or operators in them stand in double quotes. A line break is part of a name, as Jenkins has it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

from ciprov.foundation.errors import UsageError


@dataclass(frozen=True, slots=True)
class Atom:
    name: str


@dataclass(frozen=True, slots=True)
class Not:
    term: Expression


@dataclass(frozen=True, slots=True)
class And:
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Or:
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Implies:
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Iff:
    left: Expression
    right: Expression


Expression = Atom | Not | And | Or | Implies | Iff

_SIGNS = {Iff: "<->", Implies: "->", Or: "||", And: "&&"}
_TIGHTNESS = {Iff: 1, Implies: 2, Or: 3, And: 4, Not: 5, Atom: 6}

_TOKEN = re.compile(
    r"""(?P<blank>[ \t]+)
      | (?P<sign><->|->|\|\||&&|!|\(|\))
      | (?P<name>(?:[^&|!<>()\ \t"'-]|-(?!>))+)
      | (?P<quoted>"(?:\\[btnfr"'\\]|[^\\"\r\n])*")
    """,
    re.VERBOSE,
)
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}
_PLAIN = re.compile(r"""(?:[^&|!<>()\ \t\r\n"'-]|-(?!>))+""")
_DEEPEST = 50
_LONGEST = 600
"""Parentheses in each other, and names and signs in all. Nobody writes so many, and each costs a nested call."""


class LabelError(UsageError):
    """`column` is where the expression cannot be understood, from 1."""

    def __init__(self, text: str, column: int, problem: str) -> None:
        super().__init__(
            f"{problem} at column {column}",
            place=f"label expression '{text}'",
            way_out='Write it as in Jenkins, such as linux && (gpu || !arm); names with blanks go in "double quotes".',
        )
        self.column = column


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """Raises `LabelError` with the column."""
    return _Parser(text).whole()


def holds(expression: Expression, labels: Collection[str]) -> bool:
    """Whether an agent with these labels may take what asks for `expression`. Its own name is one of its labels."""
    match expression:
        case Atom(name):
            return name in labels
        case Not(term):
            return not holds(term, labels)
        case And(left, right):
            return holds(left, labels) and holds(right, labels)
        case Or(left, right):
            return holds(left, labels) or holds(right, labels)
        case Implies(left, right):
            return not holds(left, labels) or holds(right, labels)
        case Iff(left, right):
            return holds(left, labels) == holds(right, labels)


def canonical(expression: Expression) -> str:
    """The text without blanks and with the fewest parentheses. Parsing it gives the same expression."""
    if isinstance(expression, Atom):
        return expression.name if _PLAIN.fullmatch(expression.name) else _quoted(expression.name)
    if isinstance(expression, Not):
        return "!" + _within(expression.term, _TIGHTNESS[Not] + 1)
    tightness = _TIGHTNESS[type(expression)]
    # All chain to the left, save the implication, which does not chain at all.
    left = _within(expression.left, tightness + (1 if isinstance(expression, Implies) else 0))
    return f"{left}{_SIGNS[type(expression)]}{_within(expression.right, tightness + 1)}"


def names(expression: Expression) -> frozenset[str]:
    """All names in it: what else a node is labelled with makes no difference."""
    match expression:
        case Atom(name):
            return frozenset({name})
        case Not(term):
            return names(term)
        case And(left, right) | Or(left, right) | Implies(left, right) | Iff(left, right):
            return names(left) | names(right)


def unquoted(text: str) -> str:
    """What Jenkins goes by where a job or a step asks for `text`: it takes off quotes that stand first and last,
    whatever is between them. It tells a job's label in quotes, too, where that is no expression.
    """
    for quote in ('"', "'"):
        if len(text) > 1 and text[0] == text[-1] == quote:
            text = _unescaped(text[1:-1])
    return text


def _within(term: Expression, tightness: int) -> str:
    text = canonical(term)
    return text if _TIGHTNESS[type(term)] >= tightness else f"({text})"


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    for letter, character in _ESCAPES.items():
        escaped = escaped.replace(character, f"\\{letter}")
    return f'"{escaped}"'


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text)


@dataclass(frozen=True, slots=True)
class _Token:
    """`sign` is empty for names and, with an empty name too, at the end."""

    sign: str
    name: str
    column: int
    end: bool = False


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        column = at + 1
        if match is None:
            raise LabelError(text, column, _stray(text[at:]))
        at = match.end()
        if match["sign"]:
            yield _Token(match["sign"], "", column)
        elif match["name"]:
            yield _Token("", match["name"], column)
        elif match["quoted"]:
            yield _Token("", _unescaped(match["quoted"][1:-1]), column)
    yield _Token("", "", len(text) + 1, end=True)


def _stray(rest: str) -> str:
    if rest[0] == '"':
        return "a quote is not closed, or a backslash in it escapes nothing"
    twins = {"&": "&&", "|": "||", "<": "<->"}
    return f"'{rest[0]}' alone (did you mean {twins[rest[0]]}?)" if rest[0] in twins else f"an unexpected '{rest[0]}'"


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        if len(self._tokens) > _LONGEST:
            raise LabelError(text[:60] + "…", self._tokens[_LONGEST].column, "too many names and operators")
        self._at = 0
        self._depth = 0

    def whole(self) -> Expression:
        expression = self._equivalences()
        if not self._next.end:
            raise self._unexpected("an operator")
        return expression

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _took(self, sign: str) -> bool:
        if self._next.sign != sign:
            return False
        self._at += 1
        return True

    def _unexpected(self, wanted: str) -> LabelError:
        token = self._next
        found = "the end" if token.end else f"'{token.sign or token.name}'"
        return LabelError(self._text, token.column, f"{wanted} is expected instead of {found}")

    def _equivalences(self) -> Expression:
        left = self._implication()
        while self._took("<->"):
            left = Iff(left, self._implication())
        return left

    def _implication(self) -> Expression:
        left = self._alternatives()
        if not self._took("->"):
            return left
        right = self._alternatives()
        if self._next.sign == "->":
            raise LabelError(self._text, self._next.column, "a second '->' needs parentheses")
        return Implies(left, right)

    def _alternatives(self) -> Expression:
        left = self._conjunction()
        while self._took("||"):
            left = Or(left, self._conjunction())
        return left

    def _conjunction(self) -> Expression:
        left = self._negation()
        while self._took("&&"):
            left = And(left, self._negation())
        return left

    def _negation(self) -> Expression:
        if not self._took("!"):
            return self._term()
        if self._next.sign == "!":
            raise LabelError(self._text, self._next.column, "a second '!' needs parentheses")
        return Not(self._term())

    def _term(self) -> Expression:
        token = self._next
        if self._took("("):
            self._depth += 1
            if self._depth > _DEEPEST:
                raise LabelError(self._text, token.column, "too many parentheses in each other")
            inner = self._equivalences()
            if not self._took(")"):
                raise self._unexpected("')'")
            self._depth -= 1
            return inner
        if token.end or token.sign:
            raise self._unexpected("a label")
        self._at += 1
        if not token.name:
            raise LabelError(self._text, token.column, "an empty label")
        return Atom(token.name)
