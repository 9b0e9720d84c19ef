"""A second reading of Jenkins's label expressions, by a way of its own: the text is cut at its loosest operator.

And of the text of a node's labels, and how the queue shows a label, as a real Jenkins 2.462 does both.
"""

from __future__ import annotations

import re
from collections.abc import Collection

_PIECE = re.compile(r'"(?:\\.|[^"\\])*"|<->|->|\|\||&&|[!()]|(?:(?!->)[^&|!<>() \t"\'])+')
_SIGNS = frozenset({"<->", "->", "||", "&&", "!", "(", ")"})
_ODD = re.compile(r"[?*/\\%!@#$^&|<>\[\]:; ()\x00-\x1f]")


class NoExpression(ValueError):
    pass


def true_for(text: str, labels: Collection[str]) -> bool:
    """Whether an agent with `labels` fits. Raises `NoExpression`."""
    pieces = _PIECE.findall(text)
    if "".join(pieces) != re.sub(r'("(?:\\.|[^"\\])*")|[ \t]+', lambda match: match[1] or "", text):
        raise NoExpression(text)
    return _value(pieces, labels)


def told(text: str | None) -> str | None:
    """A job's label as Jenkins's API has it."""
    try:
        true_for(text or "a", ())
    except NoExpression:
        return escaped(text or "")
    return text


def escaped(name: str) -> str:
    """As a name within an expression; quotes alone are no reason for quotes."""
    if name in {"", ".", ".."} or name.endswith(".") or _ODD.search(name):
        return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return name


def shown(text: str) -> str:
    """A label as the queue has it in its texts: a name alone without quotes, whatever it is."""
    text = bare(text)
    try:
        true_for(text, ())
    except NoExpression:
        return text
    pieces = _PIECE.findall(text)
    if len(pieces) == 1:
        return _unquoted(text.strip())
    return "".join(each if each in _SIGNS else escaped(_unquoted(each)) for each in pieces)


def bare(text: str) -> str:
    """What Jenkins looks for: without quotes that stand first and last."""
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if quoted else text


def labels_in(text: str) -> frozenset[str]:
    """The labels of a node, from the text in its configuration. Either quote begins and ends a stretch that may hold
    blanks, anywhere; outside of quotes a backslash that comes first stands for itself.
    """
    found, word, quote, rest = set(), "", "", iter(text)
    begun = False
    for sign in rest:
        if sign == "\\" and (begun or quote):
            following = next(rest, "")
            word += following if following and following in "\\\"' " else sign + following
        elif quote or (sign in "\"'"):
            begun = True
            closes = sign == quote
            word += "" if closes or not quote else sign
            quote = "" if closes else quote or sign
        elif sign in " \t\n\r":
            found |= {word} if begun else set()
            word, begun = "", False
        else:
            word, begun = word + sign, True
    return frozenset(found | ({word} if begun else set()))


def _unquoted(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name[1:-1]) if name[0] == '"' else name


def _value(pieces: list[str], labels: Collection[str]) -> bool:
    for sign in ("<->", "->", "||", "&&"):
        parts = _cut(pieces, sign)
        if len(parts) == 1:
            continue
        values = [_value(part, labels) for part in parts]
        if sign == "<->":
            # A chain of equivalences holds where an even number of them is false.
            return values.count(False) % 2 == 0
        if sign == "->":
            if len(values) > 2:
                raise NoExpression("-> does not chain")
            return values[0] <= values[1]
        return any(values) if sign == "||" else all(values)
    return _tight(pieces, labels)


def _tight(pieces: list[str], labels: Collection[str]) -> bool:
    if pieces[:1] == ["!"] and pieces[1:2] != ["!"]:
        return not _tight(pieces[1:], labels)
    if pieces[:1] == ["("] and pieces[-1] == ")":
        return _value(pieces[1:-1], labels)
    if len(pieces) != 1 or pieces[0] in {"!", "(", ")"}:
        raise NoExpression(pieces)
    return _unquoted(pieces[0]) in labels


def _cut(pieces: list[str], sign: str) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    depth = 0
    for piece in pieces:
        depth += (piece == "(") - (piece == ")")
        if piece == sign and depth == 0:
            parts.append([])
        else:
            parts[-1].append(piece)
    return parts
