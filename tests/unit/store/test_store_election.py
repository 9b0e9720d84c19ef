from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ciprov.domain.environment import LockHeld, LockHolder
from ciprov.store.election import Candidate, NotLeading, Tenure

MOMENT = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
ANN = LockHolder("agents/staging/ci", "ann", "ann@host", MOMENT, MOMENT)


class Attempt:
    """A contender that is told how it ends."""

    def __init__(self) -> None:
        self.others = None
        self.lost = False

    def acquire(self, wait_seconds, on_wait):
        return self.others

    def check(self):
        if self.lost:
            raise LockHeld(ANN)

    def release(self):
        pass


@pytest.fixture
def attempts():
    return []


@pytest.fixture
def candidate(attempts):
    def contend():
        attempts.append(Attempt())
        return attempts[-1]

    return Candidate(contend, "agents/staging/ci")


def test_nobody_has_a_term_unelected(candidate):
    with pytest.raises(NotLeading):
        Tenure(candidate, Attempt).begin()


def test_a_tenure_lasts_as_long_as_its_term(candidate, attempts):
    tenure = Tenure(candidate, Attempt)
    assert candidate.wait(0)
    assert tenure.begin() is tenure.still() is attempts[0]


def test_without_a_beginning_the_present_term_is_the_one(candidate, attempts):
    assert candidate.wait(0)
    assert Tenure(candidate, Attempt).still() is attempts[0]


def test_after_a_loss_it_is_over_also_where_we_lead_anew_until_it_begins_anew(candidate, attempts):
    tenure = Tenure(candidate, Attempt)
    assert candidate.wait(0)
    tenure.begin()
    attempts[0].lost = True
    with pytest.raises(LockHeld):
        candidate.check()
    with pytest.raises(LockHeld, match="ann@host"):
        tenure.still()
    assert candidate.wait(0)
    with pytest.raises(LockHeld, match="another may have led since all was read"):
        tenure.still()
    assert tenure.begin() is tenure.still() is attempts[1]


def test_a_lead_of_another_kind_of_store_is_refused(candidate):
    assert candidate.wait(0)
    with pytest.raises(TypeError):
        Tenure(candidate, str).begin()
