"""Any order of updates, crashes and lost calls: a task is launched at most once, and in the end the ledger is right."""

from hypothesis import given
from hypothesis import strategies as st
from mesos_tasks_model import Crash, MesosTasks, Scheduler

from ciprov.framework.ledger import book

what = st.one_of(
    st.just(("launch",)),
    st.tuples(st.sampled_from(["hear", "hear again", "finish", "fail", "stop"]), st.integers(0, 5)),
    st.sampled_from([("leave",), ("come back",)]),
    st.tuples(st.just("time"), st.sampled_from([1, 20, 130, 1000])),
)
happenings = st.lists(
    st.tuples(what, st.sampled_from([None, None, None, 0, 1, 2]), st.sampled_from([False, False, True])),
    max_size=25,
)


def happen(scheduler: Scheduler, mesos: MesosTasks, event: tuple) -> None:
    known = sorted(scheduler.ledger.entries)
    match event:
        case ("launch",):
            scheduler.launch()
        case ("hear" | "hear again", number) if mesos.inbox:
            scheduler.hear(mesos.inbox[number % len(mesos.inbox)])
        case ("finish" | "fail", number) if mesos.running:
            ended = "TASK_FINISHED" if event[0] == "finish" else "TASK_FAILED"
            mesos.end(sorted(mesos.running)[number % len(mesos.running)], ended)
        case ("stop", number) if known:
            scheduler.perform(book.stop(scheduler.ledger, [known[number % len(known)]], scheduler.now))
        case ("leave",):
            mesos.leave()
        case ("come back",):
            mesos.come_back()
        case ("time", seconds):
            scheduler.pass_time(seconds)


def settle(scheduler: Scheduler, mesos: MesosTasks) -> None:
    """Everything works again for a quarter of an hour and more."""
    mesos.come_back()
    scheduler.crash_after, scheduler.lose_calls = None, False
    for _ in range(40):
        scheduler.pass_time(30)
        for status in list(mesos.inbox):
            scheduler.hear(status)


@given(happenings)
def test_a_task_is_launched_at_most_once_and_the_ledger_ends_as_mesos_does(events):
    mesos = MesosTasks()
    scheduler = Scheduler(mesos)
    for event, crash_after, lose_calls in events:
        scheduler.crash_after, scheduler.lose_calls = crash_after, lose_calls
        try:
            happen(scheduler, mesos, event)
        except Crash:
            scheduler.crash_after = None
            scheduler.start()
    settle(scheduler, mesos)
    assert max(mesos.launched.values(), default=0) <= 1
    assert {entry.task_id for entry in scheduler.ledger.live()} == set(mesos.running)
    assert not any(entry.stop_since for entry in scheduler.ledger.live())
    assert set(scheduler.store) == set(scheduler.ledger.entries)
    assert mesos.inbox == []
    assert max(scheduler.ended.values(), default=0) <= 1
