import json
from datetime import timedelta

from agent_snapshots import NOW

from ciprov.agents.view.happenings import Happening, Severity, What
from ciprov.agents.view.log_lines import LogFormat, Repeats, line

LAUNCHED = Happening(
    What.LAUNCHED,
    "agent linux-1: launched",
    agent="linux-1",
    template="linux",
    mesos_agent="S1",
    host="host-1",
    offers=("O1", "O2"),
    item=5,
    seconds={"queue_to_accept": 0.12345},
)
FAILED = Happening(What.ATTEMPT_FAILED, "no such image", Severity.WARNING, template="arm", cause="task_failed")


def test_json_has_an_object_a_line_with_the_ids_under_their_known_names():
    assert json.loads(line(LAUNCHED, NOW, LogFormat.JSON)) == {
        "ts": "2026-03-01T12:00:00.000Z",
        "level": "info",
        "event": "launched",
        "text": "agent linux-1: launched",
        "task_id": "linux-1",
        "agent_id": "S1",
        "offer_ids": ["O1", "O2"],
        "template": "linux",
        "host": "host-1",
        "item": 5,
        "seconds": {"queue_to_accept": 0.123},
    }


def test_text_has_the_same_keys():
    assert line(LAUNCHED, NOW, LogFormat.TEXT) == (
        "2026-03-01T12:00:00.000Z info    launched: agent linux-1: launched task_id=linux-1 agent_id=S1 "
        "offer_ids=O1,O2 template=linux host=host-1 item=5 seconds=queue_to_accept:0.123"
    )


def test_texts_of_others_begin_no_line_and_steer_no_terminal():
    evil = Happening(What.FAULT, "one\n2026 error fake\x1b[2J", Severity.ERROR, host='a "b"')
    for form in LogFormat:
        assert "\n" not in line(evil, NOW, form)
        assert "\x1b" not in line(evil, NOW, form)
    assert line(evil, NOW, LogFormat.TEXT).endswith(r'one; 2026 error fake\x1b[2J host="a \"b\""')


def test_the_same_warning_is_told_once_a_minute_with_the_count_of_the_others():
    repeats = Repeats()
    told = [repeats.admit(FAILED, NOW + timedelta(seconds=second)) for second in (0, 1, 59, 60, 61)]
    assert told == [0, None, None, 2, None]


def test_other_warnings_and_all_else_are_told_each_time():
    repeats = Repeats()
    other = Happening(What.ATTEMPT_FAILED, "no such image", Severity.WARNING, template="gpu", cause="task_failed")
    assert [repeats.admit(one, NOW) for one in (FAILED, other, LAUNCHED, LAUNCHED)] == [0, 0, 0, 0]


def test_what_was_told_is_forgotten_before_it_fills_the_memory():
    repeats = Repeats()
    for number in range(1001):
        repeats.admit(Happening(What.FAULT, str(number), Severity.ERROR), NOW)
    assert repeats.admit(Happening(What.FAULT, "1000", Severity.ERROR), NOW) is None
    assert repeats.admit(Happening(What.FAULT, "0", Severity.ERROR), NOW) == 0
