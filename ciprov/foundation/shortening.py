"""Long texts of others in little room."""

from __future__ import annotations

_ENDS = (("\n", ". ", "; "), (", ", ": "), (" ",))
"""Where a text is cut, the best place first: after a line or a sentence, after a part of one, after a word."""


def shortened(text: str, most: int) -> str:
    """`text` in one line of at most `most` characters; ` …` at its end tells that more was said."""
    lines = "\n".join(" ".join(line.split()) for line in text.splitlines() if line.strip())
    if len(lines) <= most:
        return lines.replace("\n", " ")
    head = lines[: most - 1]
    for ends in _ENDS:
        at = max(head.rfind(end) for end in ends)
        if at >= most // 2:
            head = head[: at + 1].rstrip(" ;,:\n")
            break
    return f"{head[: most - 2].rstrip()} …".replace("\n", " ")
