"""What is written, sent and answered, and in which order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ciprov.agents.serving.books import Books, NotWritten
from ciprov.agents.serving.mesos_desk import HOLD_S, MesosDesk
from ciprov.agents.template import Limits, Template
from ciprov.domain import mesos_events as events
from ciprov.domain.agents import Key
from ciprov.foundation.errors import CiprovError
from ciprov.foundation.json import JsonObject
from ciprov.framework.decisions import Launch, Placement
from ciprov.framework.ledger.transitions import TaskState
from ciprov.framework.ledger.upkeep import Patience
from ciprov.framework.requests import Request, Wanted

T0 = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


class Diary:
    """A store and a driver that note in one list what was asked of them."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.kept: dict[Key, JsonObject] = {}
        self.refuses = False

    def load(self) -> Mapping[Key, JsonObject]:
        return self.kept

    def write(self, put: Mapping[Key, JsonObject], remove: Collection[Key] = ()) -> None:
        if self.refuses:
            raise CiprovError("no room")
        self.kept.update(put)
        for key in remove:
            self.kept.pop(key, None)
        self.lines.append("write " + " ".join(sorted(key.id for key in put)))

    def __getattr__(self, call: str) -> Any:
        def noted(*given: Any, **more: Any) -> None:
            self.lines.append(f"{call} {given[0] if given else ''} {more.get('filter_s', '')}".strip())

        return noted


class Office:
    def __init__(self) -> None:
        self.diary = Diary()
        self.books = Books(self.diary, lambda error: self.diary.lines.append(f"silent: {error}"))
        self.desk = MesosDesk(lambda: self.diary, self.books, ["*"], _infos)  # type: ignore[arg-type, return-value]
        self.desk.heard(events.Subscribed("F1", "m:5050", "1.11.0", 15.0, again=False), at(0))
        self.turn()

    def turn(self) -> list[str]:
        self.books.close_turn()
        lines, self.diary.lines = self.diary.lines, []
        return lines

    def place(self, ready: Sequence[str] = (), coming: Sequence[str] = (), seconds: float = 1.0) -> list[str]:
        self.desk.place([wish(name) for name in ready], [wish(name) for name in coming], at(seconds))
        return self.turn()

    def offers(self, *ids: str, seconds: float = 1.0) -> None:
        self.desk.heard(events.Offers(tuple(offer(one) for one in ids)), at(seconds))


def wish(name: str) -> Request:
    return Request(name, "maven", Wanted(cpus=1, mem=128), at(0))


def offer(offer_id: str) -> JsonObject:
    def scalar(name: str, amount: float) -> JsonObject:
        return {"name": name, "type": "SCALAR", "scalar": {"value": amount}}

    return {
        "id": {"value": offer_id},
        "agent_id": {"value": f"S-{offer_id}"},
        "hostname": f"host-{offer_id}",
        "allocation_info": {"role": "*"},
        "resources": [scalar("cpus", 2), scalar("mem", 1024), scalar("disk", 1024)],
    }


def _infos(_: Launch, placements: Sequence[Placement]) -> Sequence[JsonObject]:
    return [{"task_id": {"value": placement.request_id}} for placement in placements]


def update(task: str, state: str, uuid: str = "") -> events.Update:
    return events.Update({"task_id": {"value": task}, "state": state, **({"uuid": uuid} if uuid else {})})


def test_a_launch_is_written_before_it_is_sent() -> None:
    office = Office()
    office.offers("O1")
    lines = office.place(["a1"])
    assert lines[0] == "revive ('*',)" or "write a1" in lines
    assert lines.index("write a1") < next(n for n, line in enumerate(lines) if line.startswith("launch"))
    office.desk.keep_up(at(2.0))
    assert office.desk.ledger.entries["a1"].state is TaskState.LAUNCHED


def test_what_cannot_be_written_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ciprov.agents.serving.books._PATIENCE_S", -1.0)
    office = Office()
    office.offers("O1")
    office.diary.refuses = True
    with pytest.raises(NotWritten, match="no room"):
        office.place(["a1"])
    assert not [line for line in office.diary.lines if line.startswith("launch")]


def test_offers_wait_for_those_that_are_about_to_be_ready_and_no_longer_than_promised() -> None:
    office = Office()
    office.offers("O1")
    assert office.place(coming=["a1"], seconds=1.01) == ["revive ('*',)"] or office.desk.offers_at_hand == 1
    assert office.desk.wake_at(at(1.01)) == at(1 + HOLD_S)
    assert HOLD_S <= 0.05, "each offer is to be answered within 0.1 s, and writing takes its time"
    lines = office.place(["a1"], seconds=1.02)
    assert any(line.startswith("launch ('O1',)") for line in lines)


def test_offers_that_waited_in_vain_are_declined_for_a_moment_only() -> None:
    office = Office()
    office.offers("O1")
    office.place(coming=["a1"], seconds=1.01)
    lines = office.place(coming=["a1"], seconds=1 + HOLD_S)
    assert "decline ['O1'] 0.2" in lines
    assert office.desk.offers_at_hand == 0


def test_launches_go_out_before_declines_and_what_is_declined_alike_at_once() -> None:
    office = Office()
    office.offers(*(f"O{number}" for number in range(9)))
    lines = [line for line in office.place(["a1"]) if line.startswith(("launch", "decline"))]
    assert lines[0].startswith("launch ('O0',)")
    assert lines[1:] == [f"decline {[f'O{number}' for number in range(1, 9)]} 300.0"]


def test_the_one_that_is_ready_does_not_wait_for_the_other() -> None:
    office = Office()
    office.offers("O1", "O2")
    lines = office.place(["a1"], coming=["a2"], seconds=1.01)
    assert any(line.startswith("launch") for line in lines)
    assert office.desk.offers_at_hand == 1


def test_without_a_wish_offers_are_declined_for_long_and_no_more_are_asked_for() -> None:
    office = Office()
    office.offers("O1")
    lines = office.place()
    assert "suppress ('*',)" in lines
    assert "decline ['O1'] 300.0" in lines


def test_an_accept_that_was_never_sent_ends_its_task() -> None:
    office = Office()
    office.offers("O1")
    office.place(["a1"])
    office.desk.heard(events.CallLost("ACCEPT", {}, "no connection", perhaps_done=False, ids=("O1",)), at(2))
    entry = office.desk.ledger.entries["a1"]
    assert (entry.state, entry.outcome) == (TaskState.ENDED, "NOT_SENT")
    assert office.turn() == ["write a1", "decline ['O1'] 1.0"], "Mesos still waits for an answer"


def test_an_accept_whose_fate_is_unknown_is_asked_about_and_never_sent_again() -> None:
    office = Office()
    office.offers("O1")
    office.place(["a1"])
    office.desk.heard(events.CallLost("ACCEPT", {}, "time-out", perhaps_done=True, ids=("O1",)), at(2))
    office.desk.keep_up(at(2))
    assert office.turn() == ["decline ['O1'] 1.0", "reconcile (('a1', 'S-O1'),)", "reconcile ()"]
    assert office.desk.ledger.entries["a1"].state is TaskState.LAUNCHED


def test_a_launch_that_is_late_said_not_to_be_sent_is_asked_about_at_once() -> None:
    office = Office()
    office.offers("O1")
    office.place(["a1"])
    office.desk.keep_up(at(3))
    office.turn()
    office.desk.heard(events.CallLost("ACCEPT", {}, "no connection", perhaps_done=False, ids=("O1",)), at(4))
    office.desk.keep_up(at(4))
    assert "reconcile (('a1', 'S-O1'),)" in office.turn()


def test_an_update_is_acknowledged_once_it_is_written() -> None:
    office = Office()
    office.offers("O1")
    office.place(["a1"])
    office.desk.heard(update("a1", "TASK_RUNNING", "dXVpZA=="), at(2))
    lines = office.turn()
    assert [line.split()[0] for line in lines] == ["write", "acknowledge"]


def test_a_task_that_nobody_wrote_down_is_killed() -> None:
    office = Office()
    office.desk.heard(update("stranger", "TASK_RUNNING", "dXVpZA=="), at(2))
    assert [line.split()[:2] for line in office.turn()][-1] == ["kill", "stranger"]


def test_no_task_is_given_up_before_its_template_gives_up_the_agent() -> None:
    office = Office()
    office.desk.follow([Template("a", (), Wanted(cpus=1), weight=3.0, limits=Limits(unreachable_s=7200.0))])
    assert office.desk.patience.unreachable > 7200.0
    assert office.desk.policy.weights == {"a": 3.0}
    office.desk.follow([])
    assert office.desk.patience.unreachable == Patience().unreachable


def test_plans_of_maintenance_are_agreed_to_where_they_can_be_read() -> None:
    office = Office()
    odd: list[Any] = [{}, {"id": None}, {"id": {"value": 5}}, {"id": {"value": ""}}]
    office.desk.heard(events.InverseOffers((*odd, {"id": {"value": "I1"}, "agent_id": {"value": "S1"}})), at(2))
    assert office.turn() == ["accept_inverse ['I1']"]


def test_offers_die_with_their_subscription() -> None:
    office = Office()
    office.offers("O1")
    office.desk.heard(events.Disconnected(events.Loss.CLOSED, "", 1.0, was_subscribed=True), at(2))
    assert office.place(["a1"]) == []
    office.desk.heard(events.Subscribed("F1", "m:5050", "1.11.0", 15.0, again=True), at(3))
    assert not [line for line in office.place(["a1"], seconds=3) if line.startswith("launch")]


def test_the_frameworks_id_is_kept_and_forgotten_with_the_framework() -> None:
    office = Office()
    key = Key("framework", "id")
    assert office.diary.kept[key] == {"id": "F1"}
    office.offers("O1")
    office.place(["a1"])
    office.desk.gone(at(2))
    office.turn()
    assert key not in office.diary.kept
    assert office.desk.ledger.entries["a1"].outcome == "FRAMEWORK_REMOVED"


def test_what_was_to_be_told_the_framework_that_is_gone_is_not_told_the_next_one() -> None:
    """Which was not started yet."""
    office = Office()
    old, office.diary = office.diary, Diary()
    office.desk.heard(update("stranger", "TASK_RUNNING", "dXVpZA=="), at(2))
    office.desk.gone(at(2))
    old.lines.clear()
    office.books.close_turn()
    assert [line.split()[0] for line in old.lines] == ["write", "acknowledge", "kill"]
    assert office.diary.lines == []


def test_an_agent_is_spared_for_a_maintenance_for_as_long_as_its_offers_tell_of_one() -> None:
    """Mesos repeats the inverse offers of a plan, and does not tell where one that was agreed to is dropped."""
    office = Office()

    def hears_of(seconds: float) -> None:
        planned = {"start": {"nanoseconds": int(at(seconds).timestamp() * 1e9)}}
        inverse = {"id": {"value": "I1"}, "agent_id": {"value": "S-O1"}, "unavailability": planned}
        office.desk.heard(events.InverseOffers((inverse,)), at(1))
        office.desk.heard(events.Offers(({**offer("O1"), "unavailability": planned},)), at(1))

    def launches(name: str) -> bool:
        return any(line.startswith("launch") for line in office.place([name]))

    hears_of(3600)
    assert not launches("a1")
    hears_of(7 * 86400)
    assert launches("a2"), "until then it is there"
    hears_of(3600)
    assert not launches("a3")
    office.offers("O1")
    assert launches("a4"), "the plan was dropped"


def test_an_earlier_lifes_task_that_was_out_of_reach_is_not_given_up_before_mesos_told_of_it_again() -> None:
    """Its host may have come back while nobody listened."""
    before = Office()
    before.offers("O1")
    before.place(["a1"])
    before.desk.heard(update("a1", "TASK_UNREACHABLE"), at(2))
    before.turn()
    away = before.desk.ledger.entries["a1"]
    office = Office()
    office.desk.heard(events.Disconnected(next(iter(events.Loss)), "gone", 1.0, was_subscribed=True), at(5000))
    office.desk.recovered([away], "F1", at(5000))
    office.desk.keep_up(at(5000))
    assert not office.desk.is_confirmed("a1")
    office.desk.heard(events.Subscribed("F1", "m:5050", "1.11.0", 15.0, again=True), at(5001))
    office.desk.keep_up(at(5001))
    assert office.desk.ledger.entries["a1"].state is TaskState.UNREACHABLE
    assert not office.desk.is_confirmed("a1")
    office.desk.heard(update("a1", "TASK_RUNNING"), at(5001.1))
    office.desk.keep_up(at(5002))
    assert office.desk.is_confirmed("a1")
    assert office.desk.ledger.entries["a1"].state is TaskState.RUNNING
