"""What happens, as lines of a log: for people, or one JSON object each with the same keys everywhere."""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ciprov.agents.record import cause_word
from ciprov.agents.view.happenings import Happening, Severity
from ciprov.foundation.clock import timestamp
from ciprov.foundation.json import JsonObject

_QUIET = timedelta(seconds=60)
_MOST_KEYS = 1000


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


def line(happening: Happening, now: datetime, form: LogFormat, repeated: int = 0) -> str:
    """Without a line break at its end, and without any in it. `repeated`: so often the same was not told since."""
    document = _document(happening, now, repeated)
    if form is LogFormat.JSON:
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    told = f"{document.pop('ts')} {document.pop('level'):7} {document.pop('event')}: {_plain(document.pop('text'))}"
    return " ".join([told, *(f"{key}={_word(value)}" for key, value in document.items())])


class Repeats:
    """Lets the same warning or error pass once a minute, with the count of those that were held back in between."""

    def __init__(self) -> None:
        self._told: OrderedDict[tuple[str, ...], _Told] = OrderedDict()

    def admit(self, happening: Happening, now: datetime) -> int | None:
        """How many were held back before this one; None: it is held back itself."""
        if happening.severity is Severity.INFO:
            return 0
        key = (happening.what, happening.severity, happening.template, happening.host, happening.cause, happening.text)
        told = self._told.get(key)
        if told is not None and now - told.at < _QUIET:
            told.held_back += 1
            return None
        self._told[key] = _Told(now)
        self._told.move_to_end(key)
        if len(self._told) > _MOST_KEYS:
            self._told.popitem(last=False)
        return told.held_back if told is not None else 0


@dataclass(slots=True)
class _Told:
    at: datetime
    held_back: int = 0


def _document(happening: Happening, now: datetime, repeated: int) -> JsonObject:
    """`agent_id` and `offer_ids` are Mesos's. The agent's name is its task's id and its node's name. What does not
    apply is left out.
    """
    optional = {
        "task_id": happening.agent,
        "agent_id": happening.mesos_agent,
        "offer_ids": list(happening.offers),
        "template": happening.template,
        "host": happening.host,
        "item": happening.item,
        "cause": cause_word(happening.cause),
        "seconds": {name: round(seconds, 3) for name, seconds in happening.seconds.items()},
        "repeated": repeated,
    }
    return {
        "ts": timestamp(now),
        "level": happening.severity.value,
        "event": happening.what.value,
        "text": happening.text,
        **{key: value for key, value in optional.items() if value},
    }


def _plain(text: str) -> str:
    """Texts of others come through here: nothing of them may begin a line or steer a terminal."""
    one_line = re.sub(r"\r?\n\s*", "; ", text)
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in one_line)


def _word(value: object) -> str:
    if isinstance(value, list):
        return ",".join(_plain(str(one)) for one in value)
    if isinstance(value, dict):
        return ",".join(f"{name}:{seconds}" for name, seconds in value.items())
    text = _plain(str(value))
    return json.dumps(text, ensure_ascii=False) if " " in text or '"' in text else text
