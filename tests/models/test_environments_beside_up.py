"""Who pins or extends an environment while an `up` of it begins, runs, or is rolled back, is not overwritten."""

from __future__ import annotations

import pytest
from marathon_model import START, World, app, desired
from operating import up

from ciprov.environments.lifetime import amending
from ciprov.environments.lifetime.amending import Ledger
from ciprov.environments.results import UpFailed

DAY = 86400


class Beside(World):
    """Somebody pins and extends at the `turn`-th call of any sort once that is set."""

    turn: int | None = None

    def _called(self):
        super()._called()
        if self.turn is not None and self.calls >= self.turn:
            self.turn = None
            ledger = Ledger(self, "model", "ann@ci", lambda: START)
            amending.pin(ledger, "x", "demo")
            amending.extend(ledger, "x", 30 * DAY)


@pytest.mark.parametrize("outcome", ["ready", "failed"])
def test_a_pin_and_an_extension_stay(outcome):
    turn = 0
    while True:
        turn += 2 if outcome == "failed" else 1
        world = Beside()
        up(world, desired(app("db")))
        world.turn = world.calls + turn
        changed = desired(app("db", env={"FAIL": "1"} if outcome == "failed" else {"A": "b"}), timeout=20)
        if outcome == "failed":
            with pytest.raises(UpFailed):
                up(world, changed)
        else:
            up(world, changed)
        if world.turn is not None:
            break
        record = world.records["x"]
        assert (record.pinned, (record.expires_at - START).days) == ("demo", 30), turn
    assert turn > 30
