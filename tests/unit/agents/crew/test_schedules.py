"""Hours of warm pools: what is understood, over midnight, and when clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ciprov.agents.crew.schedules import ScheduleError, holds, next_change, next_warm_change, parse, warm_count
from ciprov.agents.template import Limits, Template, Warm
from ciprov.framework.requests import Wanted

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = "Mon-Fri 07:00-19:00 Europe/Berlin"


def at(text: str, zone: ZoneInfo = BERLIN, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold)


@pytest.mark.parametrize(
    ("schedule", "moment", "expected"),
    [
        ("", "2024-05-01T03:00", True),
        (OFFICE, "2024-05-03T07:00", True),  # a Friday
        (OFFICE, "2024-05-03T06:59:59", False),
        (OFFICE, "2024-05-03T18:59:59", True),
        (OFFICE, "2024-05-03T19:00", False),
        (OFFICE, "2024-05-04T12:00", False),
        ("Sat-Mon Europe/Berlin", "2024-05-05T12:00", True),
        ("Sat-Mon Europe/Berlin", "2024-05-07T00:00", False),
        ("mon,WED,Sunday 10:00-11:00 Europe/Berlin", "2024-05-05T10:30", True),
        ("daily 07:00-09:00,17:00-19:00 Europe/Berlin", "2024-05-05T18:00", True),
        ("daily 07:00-09:00,17:00-19:00 Europe/Berlin", "2024-05-05T12:00", False),
        ("Fri 22:00-06:00 Europe/Berlin", "2024-05-04T05:59", True),
        ("Fri 22:00-06:00 Europe/Berlin", "2024-05-03T05:59", False),
        ("Sun 22:00-06:00 Europe/Berlin", "2024-05-06T01:00", True),
        ("Mon 09:00-10:00; Sat 09:00-12:00 Europe/Berlin", "2024-05-06T09:30", True),
        ("09:00-10:00", "2024-05-06T11:30", True),  # UTC
        ("Mon 00:00-24:00 Europe/Berlin", "2024-05-06T23:59:59", True),
        ("Mon 00:00-24:00 Europe/Berlin", "2024-05-07T00:00", False),
        # Clocks go from 02:00 to 03:00 on 31 March, and from 03:00 to 02:00 on 27 October.
        ("Sun 02:15-03:15 Europe/Berlin", "2024-03-31T03:10", True),
        ("Sun 02:15-03:15 Europe/Berlin", "2024-03-31T01:59", False),
        ("Sun 01:00-02:30 Europe/Berlin", "2024-03-31T03:00", False),
        ("Sun 02:10-02:50 Europe/Berlin", "2024-03-31T03:00", False),
    ],
)
def test_what_a_schedule_holds_for(schedule: str, moment: str, expected: bool) -> None:
    assert holds(parse(schedule), at(moment)) is expected


def test_an_hour_that_comes_twice_belongs_to_it_both_times() -> None:
    early = parse("Sun 01:00-02:30 Europe/Berlin")
    assert holds(early, at("2024-10-27T02:29", fold=0))
    assert holds(early, at("2024-10-27T02:45", fold=0)), "the clock shows 02:15 once more after it"
    assert holds(early, at("2024-10-27T02:29", fold=1))
    assert not holds(early, at("2024-10-27T02:30", fold=1))
    assert next_change(early, at("2024-10-27T01:30")) == datetime(2024, 10, 27, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "moment", "expected"),
    [
        (OFFICE, "2024-05-03T12:00", "2024-05-03T17:00"),
        (OFFICE, "2024-05-03T19:00", "2024-05-06T05:00"),
        ("Mon-Fri 22:00-06:00 Europe/Berlin", "2024-05-02T23:00", "2024-05-03T04:00"),
        ("Mon; Tue 00:00-08:00 Europe/Berlin", "2024-05-06T12:00", "2024-05-07T06:00"),
        ("Sun 02:15-03:15 Europe/Berlin", "2024-03-31T00:00", "2024-03-31T01:00"),
        ("Sun 01:00-02:30 Europe/Berlin", "2024-03-31T01:30", "2024-03-31T01:00"),
        ("daily", "2024-05-06T12:00", None),
        ("22:00-10:00; 10:00-22:00", "2024-05-06T12:00", None),
        ("", "2024-05-06T12:00", None),
    ],
)
def test_when_it_changes(schedule: str, moment: str, expected: str | None) -> None:
    assert next_change(parse(schedule), at(moment)) == (at(expected, ZoneInfo("UTC")) if expected else None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Mon-Fry 07:00-19:00", "'fry' in 'Mon-Fry' is no day"),
        ("Mon-Fri 7-19", "are no hours"),
        ("Mon-Fri 07:00-25:00", "are no hours"),
        ("Mon-Fri 07:60-09:00", "are no hours"),
        ("Mon 08:00-08:00", "no time at all"),
        ("Mon 08:00-09:00 Europe/Berlim", "'Europe/Berlim' in 'Mon 08:00-09:00 Europe/Berlim' is neither"),
        ("Mon 08:00-09:00 Europe", "neither a day nor a known time zone"),
        ("Mon 08:00-09:00 ../../etc/passwd", "neither a day nor a known time zone"),
        ("Mon 08:00-09:00 UTC Tue", "is not understood"),
        ("08:00-09:00 Mon", "'Mon' in '08:00-09:00 Mon' is neither a day nor"),
        ("Mon 08:00-09:00; Tue Europe/Berlin; Wed UTC", "name one in each part"),
        (" ; ", "names no hours"),
    ],
)
def test_what_is_wrong_with_it(text: str, words: str) -> None:
    with pytest.raises(ScheduleError) as told:
        parse(text)
    assert words in str(told.value)


@settings(max_examples=40, deadline=None)
@given(
    st.datetimes(datetime(2024, 3, 28), datetime(2024, 4, 3))
    | st.datetimes(datetime(2024, 10, 24), datetime(2024, 11, 1)),
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1439), st.integers(0, 1439)), min_size=1, max_size=3),
)
def test_nothing_changes_before_the_next_change(naive: datetime, windows: list[tuple[int, int, int]]) -> None:
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    parts = [
        f"{days[day]} {begin // 60:02d}:{begin % 60:02d}-{end // 60:02d}:{end % 60:02d} Europe/Berlin"
        for day, begin, end in windows
        if begin != end
    ]
    if not parts:
        return
    schedule, now = parse(";".join(parts)), naive.replace(tzinfo=UTC)
    change = next_change(schedule, now)
    assert change is not None
    assert change > now
    before = holds(schedule, now)
    assert holds(schedule, change) is not before
    assert holds(schedule, change - timedelta(seconds=1)) is before or change - timedelta(seconds=1) < now
    assert all(holds(schedule, now + (change - now) * share / 20) is before for share in range(20))


def test_a_pool_has_the_most_that_a_line_asks_for() -> None:
    warm = (Warm(1), Warm(4, OFFICE), Warm(2, "Sat Europe/Berlin"))
    template = Template("a", ("a",), Wanted(cpus=1), limits=Limits(warm=warm))
    assert [warm_count(template, at(f"2024-05-0{day}T12:00")) for day in (3, 4, 5)] == [4, 2, 1]
    assert next_warm_change(template, at("2024-05-03T12:00")) == datetime(2024, 5, 3, 17, 0, tzinfo=UTC)
    assert warm_count(Template("a", ("a",), Wanted(cpus=1)), at("2024-05-03T12:00")) == 0
    assert next_warm_change(Template("a", ("a",), Wanted(cpus=1)), at("2024-05-03T12:00")) is None
