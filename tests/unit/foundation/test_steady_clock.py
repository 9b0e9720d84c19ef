"""A clock that never runs backwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ciprov.foundation.clock import SteadyClock

T0 = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Machine:
    """Its clock, and the seconds since it was started."""

    def __init__(self) -> None:
        self.set_by = 0.0
        self.up_s = 100.0
        self.steady = SteadyClock(lambda: T0 + timedelta(seconds=self.up_s - 100.0 + self.set_by), lambda: self.up_s)

    def after(self, seconds: float) -> float:
        self.up_s += seconds
        return (self.steady() - T0).total_seconds()


def test_it_follows_the_clock() -> None:
    machine = Machine()
    assert machine.after(10) == 10
    machine.set_by = 3600
    assert machine.after(1) == 3611


def test_set_back_it_goes_on_somewhat_slower_until_the_clock_has_caught_up() -> None:
    machine = Machine()
    machine.after(10)
    machine.set_by = -100
    told = [machine.after(1) for _ in range(410)]
    assert told == sorted(told)
    assert told[:2] == pytest.approx([10.75, 11.5])
    assert told[-1] == machine.up_s - 100 + machine.set_by
