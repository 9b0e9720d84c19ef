"""Which known word was meant: for every unknown name that a user wrote."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` most likely is a slip of, or None where none is near.

    Case, dashes and underscores do not count; of the letters a short word may differ in one, a longer one in more.
    """
    bare = _bare(word)
    best: tuple[int, str] | None = None
    for candidate in sorted(set(known)):
        target = _bare(candidate)
        limit = _limit(min(len(bare), len(target)))
        distance = _distance(bare, target, limit)
        if distance <= limit and (best is None or distance < best[0]):
            best = (distance, candidate)
    return best[1] if best else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A way out for an unknown name: a suggestion where one is near, else nothing."""
    meant = nearest(word, known)
    return f"did you mean {meant}?" if meant else ""


def listed(words: Iterable[str], limit: int = 12) -> str:
    """The words in order, with commas, cut after `limit`; `none` where there are none."""
    ordered = sorted(words)
    text = ", ".join(ordered[:limit]) or "none"
    return f"{text}, … ({len(ordered)} in all)" if len(ordered) > limit else text


def _bare(word: str) -> str:
    return "".join(character for character in word[:80].lower() if character not in "-_ .")


def _limit(length: int) -> int:
    if length <= 2:
        return 0
    if length <= 5:
        return 1
    return 2 if length <= 11 else 3


def _distance(left: str, right: str, limit: int) -> int:
    """Edits from `left` to `right`: insertion, deletion, change, or two neighbours swapped. Above `limit`: any more."""
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    before_last: list[int] = []
    last = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        row = [i]
        for j, b in enumerate(right, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before_last[j - 2] + 1)
            row.append(cost)
        before_last, last = last, row
    return last[-1]
