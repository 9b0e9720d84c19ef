import io
import json
import logging
import threading

from ciprov.agents.view.happenings import Happening, Severity, What
from ciprov.agents.view.log_lines import LogFormat
from ciprov.wiring.agents_log import LogWriter, told_to

STARTED = Happening(What.STARTED, "it works")
WARNING = Happening(What.ATTEMPT_FAILED, "no such image", Severity.WARNING)


class Gate(io.StringIO):
    """Takes nothing before it is opened, as a pipe that nobody reads."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = threading.Event()

    def write(self, text: str) -> int:
        self.opened.wait(10)
        return super().write(text)


def test_lines_are_written_in_order_and_repeated_warnings_once():
    stream = io.StringIO()
    log = LogWriter(stream, LogFormat.JSON)
    for one in (STARTED, WARNING, WARNING, STARTED):
        log.tell(one)
    log.close()
    assert [json.loads(found)["event"] for found in stream.getvalue().splitlines()] == [
        "started",
        "attempt failed",
        "started",
    ]


def test_telling_never_waits_for_a_slow_reader_and_what_is_lost_is_told():
    stream = Gate()
    log = LogWriter(stream, LogFormat.JSON)
    for _ in range(10_100):
        log.tell(STARTED)
    stream.opened.set()
    log.close()
    lines = [json.loads(found) for found in stream.getvalue().splitlines()]
    lost = [int(found["text"].split()[0]) for found in lines if found["event"] == "fault"]
    assert len(lost) == 1
    assert sum(found["event"] == "started" for found in lines) == 10_100 - lost[0]


def test_a_log_that_is_closed_ends_nothing():
    stream = io.StringIO()
    log = LogWriter(stream, LogFormat.TEXT)
    stream.close()
    log.tell(STARTED)
    log.close()


def test_a_sink_that_fails_is_told_to_the_others():
    told: list[Happening] = []

    def broken(_: Happening) -> None:
        raise ValueError("full")

    told_to(broken, told.append)(STARTED)
    assert [(one.what, one.severity) for one in told] == [(What.FAULT, Severity.ERROR), (What.STARTED, Severity.INFO)]
    assert "ValueError: full" in told[0].text


def test_what_libraries_warn_of_and_what_ends_a_thread_comes_in_the_same_form():
    def fail() -> None:
        raise ValueError("odd")

    before, handlers = threading.excepthook, list(logging.getLogger().handlers)
    stream = io.StringIO()
    log = LogWriter(stream, LogFormat.JSON)
    logging.getLogger("library").warning("connection %s", "lost")
    logging.getLogger("library").info("nothing")
    thread = threading.Thread(target=fail, name="worker")
    thread.start()
    thread.join()
    log.close()
    told = [json.loads(found) for found in stream.getvalue().splitlines()]
    assert [(one["level"], one["text"].splitlines()[0]) for one in told] == [
        ("warning", "library: connection lost"),
        ("error", "thread worker ended: Traceback (most recent call last):"),
    ]
    assert told[1]["text"].endswith("ValueError: odd")
    assert (threading.excepthook, logging.getLogger().handlers) == (before, handlers)
