"""Hours of the week in which a warm pool is kept: `Mon-Fri 07:00-19:00 Europe/Berlin; Sat 09:00-12:00 Europe/Berlin`.

Days, hours and a zone, each of which may be left out: every day, the whole day, UTC. Hours over midnight belong to the
day on which they begin. A zone that is named only once holds for the whole schedule. Hours are those of the clock on
the wall: an hour that comes twice when clocks go back belongs to them both times, one that is skipped never does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ciprov.agents.template import Template

ALLOWED = "Mon-Fri 07:00-19:00 Europe/Berlin; Sat 09:00-12:00 Europe/Berlin"

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FULL = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY_MINUTES = 24 * 60
_HOURS = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")
_AHEAD = 9
"""Days: in a week all comes again, and the longest window reaches into the day after."""


@dataclass(frozen=True, slots=True)
class Window:
    """`days` from 0 for Monday. `begin` and `end` in minutes from the day's midnight; `end` may be of the next day."""

    days: frozenset[int]
    begin: int
    end: int
    zone: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """Without windows it holds always."""

    text: str = ""
    windows: tuple[Window, ...] = ()


class ScheduleError(ValueError):
    """The text says what is wrong and what is allowed."""


@lru_cache(maxsize=1024)
def parse(text: str) -> Schedule:
    """Raises `ScheduleError`."""
    if not text.strip():
        return Schedule()
    parts = [_part(part.split(), part.strip()) for part in text.split(";") if part.strip()]
    named = {zone for _, _, zone in parts if zone}
    if len(named) > 1 and not all(zone for _, _, zone in parts):
        raise ScheduleError(f"'{text}' names several time zones: name one in each part, between the semicolons")
    common = named.pop() if len(named) == 1 else "UTC"
    windows = [Window(days, begin, end, zone or common) for days, hours, zone in parts for begin, end in hours]
    if not windows:
        raise ScheduleError(f"'{text}' names no hours; write it as {ALLOWED}")
    return Schedule(text, tuple(windows))


def holds(schedule: Schedule, now: datetime) -> bool:
    """`now` is timezone-aware."""
    return not schedule.windows or any(begin <= now < end for begin, end in _spans(schedule, now))


def next_change(schedule: Schedule, now: datetime) -> datetime | None:
    """When it begins or ceases to hold, after `now`, in UTC; None where it does neither."""
    last = now + timedelta(days=_AHEAD - 1)
    until = now
    held = holds(schedule, now)
    for begin, end in sorted(_spans(schedule, now)):
        if not held and begin > now:
            return begin
        if held and begin <= until < end:
            until = end
    return until if held and schedule.windows and until < last else None


def warm_count(template: Template, now: datetime) -> int:
    """How many idle agents are kept ready now: the most that any of its lines asks for. Raises `ScheduleError`."""
    return max((warm.count for warm in template.limits.warm if holds(parse(warm.schedule), now)), default=0)


def next_warm_change(template: Template, now: datetime) -> datetime | None:
    """The first moment after `now` at which `warm_count` may change, in UTC."""
    changes = (next_change(parse(warm.schedule), now) for warm in template.limits.warm)
    return min((change for change in changes if change is not None), default=None)


def _part(words: list[str], part: str) -> tuple[frozenset[int], list[tuple[int, int]], str]:
    days, hours, zone = frozenset(range(7)), [(0, _DAY_MINUTES)], ""
    stage = 0
    for word in words:
        if stage == 0 and _is_days(word):
            days, stage = _days(word), 1
        elif stage <= 1 and word[0].isdigit():
            hours, stage = [_hours(piece, part) for piece in word.split(",")], 2
        elif stage <= 2 and not word[0].isdigit():
            zone, stage = _checked_zone(word, part), 3
        else:
            raise ScheduleError(f"'{word}' in '{part}' is not understood: days, hours, zone is the order, as {ALLOWED}")
    return days, hours, zone


def _is_days(word: str) -> bool:
    names = re.split("[,-]", word.lower())
    return word.lower() == "daily" or any(name in _DAYS or name in _FULL for name in names)


def _days(word: str) -> frozenset[int]:
    if word.lower() == "daily":
        return frozenset(range(7))
    found: set[int] = set()
    for piece in word.lower().split(","):
        first, dash, last = piece.partition("-")
        begin = _day(first, word)
        end = _day(last, word) if dash else begin
        found |= {(begin + step) % 7 for step in range((end - begin) % 7 + 1)}
    return frozenset(found)


def _day(name: str, word: str) -> int:
    for days in (_DAYS, _FULL):
        if name in days:
            return days.index(name)
    raise ScheduleError(f"'{name}' in '{word}' is no day: use Mon, Tue, Wed, Thu, Fri, Sat, Sun")


def _hours(piece: str, part: str) -> tuple[int, int]:
    match = _HOURS.fullmatch(piece)
    numbers = [int(number) for number in match.groups()] if match else [99] * 4
    begin, end = numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]
    if begin >= _DAY_MINUTES or end > _DAY_MINUTES or numbers[1] > 59 or numbers[3] > 59:
        raise ScheduleError(f"'{piece}' in '{part}' are no hours: write 07:00-19:00, or 22:00-06:00 over midnight")
    if begin == end:
        raise ScheduleError(f"'{piece}' in '{part}' is no time at all: write 00:00-24:00 for the whole day")
    return begin, end if end > begin else end + _DAY_MINUTES


def _checked_zone(name: str, part: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ScheduleError(
            f"'{name}' in '{part}' is neither a day nor a known time zone, such as Europe/Berlin or UTC"
        ) from None
    return name


def _spans(schedule: Schedule, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The windows around `now` and in the week to come, in UTC."""
    for window in schedule.windows:
        zone = ZoneInfo(window.zone)
        today = now.astimezone(zone).date()
        for day in (today + timedelta(days=step) for step in range(-2, _AHEAD)):
            if day.weekday() in window.days:
                # An hour that comes twice: from its first to its last minute.
                begin, end = _moment(day, window.begin, zone, fold=0), _moment(day, window.end, zone, fold=1)
                if begin < end:
                    yield begin, end


def _moment(day: date, minutes: int, zone: tzinfo, *, fold: int) -> datetime:
    """When the clock on the wall shows it, or jumps over it."""
    wall = datetime.combine(day, datetime.min.time()) + timedelta(minutes=minutes)
    moment = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall:
        return moment
    # A time that is skipped: the jump lies between what it would be before and after.
    early, late = sorted(wall.replace(tzinfo=zone, fold=each).astimezone(UTC) for each in (0, 1))
    before = early.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) / 2
        early, late = (middle, late) if middle.astimezone(zone).utcoffset() == before else (early, middle)
    return late.replace(microsecond=0)
