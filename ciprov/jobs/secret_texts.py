"""Secrets in a config.xml: what Jenkins made of them, and lines that are shown without them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_ENCRYPTED = re.compile(r"\{AQAA[A-Za-z0-9+/]+={0,2}\}")
_MASKED = "********"
_KEY = r"(?:[aA]pi|[pP]rivate|[sS]ecret|[aA]ccess)Key|[aA]pikey"
_NAME = rf"\w*(?:[pP]ass(?:word|phrase|wd)|[tT]oken|[sS]ecret(?:Text)?|{_KEY})"
_SECRET = re.compile(rf"(<{_NAME}(?: [^>]*)?>)[^<]+")
_PASSWORD = "PasswordParameterDefinition"  # noqa: S105 - the name of a class
_DEFAULT = re.compile(r"(<defaultValue>)[^<]*")


def is_encrypted(text: str) -> bool:
    """Whether it is in the form in which Jenkins keeps a secret once it has saved the job."""
    return _ENCRYPTED.fullmatch(text.strip()) is not None


def is_unreadable(text: str) -> bool:
    """Whether nobody but Jenkins can tell what it stands for; users who may not change the job are shown stars."""
    return is_encrypted(text) or text.strip() == _MASKED


def without_secrets(lines: Iterable[str]) -> Iterator[str]:
    """The lines of XML, from its beginning, with `(hidden)` for passwords, tokens and their like."""
    inside = goes_on = False
    for line in lines:
        if goes_on:
            text, end, after = line.partition("</")
            goes_on = not end
            yield f"(hidden){end}{after}" if text else line
            continue
        if _PASSWORD in line:
            inside = "</" not in line
        told = _SECRET.sub(r"\1(hidden)", _DEFAULT.sub(r"\1(hidden)", line) if inside else line)
        goes_on = told != line and "</" not in line
        yield told
