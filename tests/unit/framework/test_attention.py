"""When offers are asked for, and what is asked about tasks."""

from datetime import timedelta

from framework_examples import NOW, launch_of, status

from ciprov.framework import attention, reconciliation
from ciprov.framework.ledger import book


def seconds(number):
    return NOW + timedelta(seconds=number)


def attended(state, wanted, after, without_offer=()):
    wanted = {role: frozenset(ids) for role, ids in wanted.items()}
    state, calls = attention.attend(state, wanted, seconds(after), frozenset(without_offer))
    return state, [str(call) for call in calls]


def test_offers_are_suppressed_once_when_nothing_waits_and_revived_as_soon_as_something_does():
    state = attention.registered(["*", "ci"])
    state, calls = attended(state, {}, 0)
    assert calls == ["suppress *, ci: nothing waits"]
    state, calls = attended(state, {}, 1)
    assert calls == []
    state, calls = attended(state, {"ci": {"q"}}, 1.1)
    assert calls == ["revive ci"]
    state, calls = attended(state, {}, 1.2)
    assert calls == ["suppress ci: nothing waits"]
    assert attended(state, {"*": {"q"}, "ci": {"q"}}, 1.3)[1] == ["revive *, ci"]


def test_new_requests_clear_filters_but_not_too_often():
    state, calls = attended(attention.registered(["*"]), {"*": {"q"}}, 0)
    assert calls == ["revive *"]
    state, calls = attended(state, {"*": {"q", "r"}}, 0.4)
    assert calls == []
    state, calls = attended(state, {"*": {"q", "r"}}, 0.5)
    assert calls == ["revive *"]
    state, calls = attended(state, {"*": {"r"}}, 9)
    assert calls == []
    assert attended(state, {"*": {"q", "r"}}, 10)[1] == ["revive *"]


def test_a_request_that_is_ready_when_the_offers_have_gone_asks_for_them_once_more():
    state, calls = attended(attention.registered(["*"]), {"*": {"q", "r"}}, 0)
    assert calls == ["revive *"]
    # They may be on their way still.
    state, calls = attended(state, {"*": {"q", "r"}}, 0.02, {"q"})
    assert calls == []
    state, calls = attended(state, {"*": {"q", "r"}}, 0.05)
    assert calls == []
    state, calls = attended(state, {"*": {"q", "r"}}, 0.06, {"q"})
    assert calls == ["revive *"]
    # Nobody has offers for it: nothing comes of asking all the time.
    state, calls = attended(state, {"*": {"q", "r"}}, 0.4, {"q"})
    assert calls == []
    assert attended(state, {"*": {"q", "r"}}, 0.42, {"q", "r"})[1] == ["revive *"]


def ledger_of(*names, at=NOW):
    step = book.intend(book.Ledger(), [launch_of(*names)], lambda placement: placement.request_id, at)
    return book.sent(step.ledger, names, at).ledger


def asked(state, ledger, after):
    state, calls = reconciliation.due(state, ledger, seconds(after))
    return state, [str(call) for call in calls]


def test_after_registration_all_tasks_are_asked_about_ever_more_rarely_and_then_everything():
    ledger = ledger_of("q", "r")
    state = reconciliation.registered(ledger, NOW)
    state, calls = asked(state, ledger, 0)
    assert calls == ["reconcile q, r"]
    state = reconciliation.heard(state, "q")
    ledger = book.updated(ledger, status("q", "RUNNING"), NOW).ledger
    times = []
    for tenth in range(1, 1300):
        state, calls = asked(state, ledger, tenth / 10)
        times += [(tenth / 10, call) for call in calls]
    explicit = [at for at, call in times if call == "reconcile r"]
    assert explicit == [1, 3, 7, 15, 31, 63, 123]
    assert [at for at, call in times if call == "reconcile everything"] == [1]


def test_everything_is_asked_again_now_and_then_and_at_once_where_the_ledger_is_empty():
    state = reconciliation.registered(book.Ledger(), NOW)
    state, calls = asked(state, book.Ledger(), 0)
    assert calls == ["reconcile everything"]
    assert asked(state, book.Ledger(), 899)[1] == []
    assert asked(state, book.Ledger(), 900)[1] == ["reconcile everything"]


def test_a_launch_of_which_nothing_is_heard_is_asked_about():
    state, _ = asked(reconciliation.registered(book.Ledger(), NOW), book.Ledger(), 0)
    ledger = ledger_of("q")
    assert asked(state, ledger, 9)[1] == []
    assert asked(state, ledger, 10)[1] == ["reconcile q"]


def test_a_failed_agent_and_a_rescinded_offer_are_hints_to_ask():
    ledger = ledger_of("q")
    assert reconciliation.on_agent(ledger, "agent-a") == reconciliation.with_offer(ledger, "o1") == ("q",)
    assert reconciliation.on_agent(ledger, "agent-b") == reconciliation.with_offer(ledger, "o2") == ()
    state, _ = asked(reconciliation.registered(book.Ledger(), NOW), book.Ledger(), 0)
    state = reconciliation.asking_about(state, ["q"], seconds(1))
    state, calls = asked(state, ledger, 1)
    assert calls == ["reconcile q"]
    assert state == reconciliation.asking_about(state, ["q"], seconds(1.5))


def test_what_ended_is_not_asked_about_any_more():
    ledger = ledger_of("q")
    state = reconciliation.registered(ledger, NOW)
    ended = book.give_up(ledger, ["q"], "enough", NOW).ledger
    state, calls = asked(state, ended, 0)
    assert (calls, state.open) == ([], frozenset())
