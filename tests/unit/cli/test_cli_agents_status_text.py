import re
from dataclasses import replace
from datetime import timedelta

from agent_snapshots import EMPTY, NOW, item, went

from ciprov.agents.record import Cause
from ciprov.agents.view.snapshot import Pause, Snapshot
from ciprov.agents.view.status_view import agent, status
from ciprov.agents.view.why import why
from ciprov.cli.agents.status_text import agent_text, status_text, why_text

LONG = "Failed to pull image 'no/such:1' (it is not on this machine): 404 gone; " + "check the name, load it; " * 20
PAUSE = Pause("arm", Cause.TASK_FAILED.value, LONG, 3, NOW + timedelta(minutes=30), final=True)
FAILED = tuple(went(f"arm-{number}", Cause.TASK_FAILED, builds=0, of="arm", detail=LONG) for number in range(3))
TOLD = "template arm is paused until 2026-03-01 12:30:00 UTC, as it failed 3 times in a row, at last: it failed"
PAUSED = replace(EMPTY, pauses=(PAUSE,), recent=FAILED, items=(item(1, "arm"),), capped={1: f"{TOLD} ({LONG})"})


def status_of(snapshot: Snapshot) -> str:
    return status_text(status(snapshot, NOW), "main")


def test_status_tells_a_long_cause_once_with_the_way_out_and_not_in_cells() -> None:
    text = status_of(PAUSED)
    assert text.count("Failed to pull image") == 1
    assert "\n  once that is mended: ciprov agents resume arm\n" in text
    assert re.search(r"^arm +0 +0 +paused until 2026-03-01 12:30:00 UTC$", text, re.MULTILINE)
    assert max(len(line) for line in text.splitlines()) < 320


def test_another_cause_than_the_one_of_the_pause_is_told_in_its_row() -> None:
    text = status_of(replace(PAUSED, recent=(went("arm-9", Cause.TASK_DIED, of="arm", detail=LONG),)))
    assert re.search(r"its task died: Failed to pull image .* …$", text, re.MULTILINE)


def test_why_tells_a_long_cause_once() -> None:
    text = why_text(why(PAUSED, "arm", NOW).as_json())
    assert text.count("Failed to pull image") == 1
    assert re.search(r"^\* +arm +0 +arm +paused until 2026-03-01 12:30:00 UTC$", text, re.MULTILINE)
    assert re.search(r"^1 .* as it failed 3 times in a row …$", text, re.MULTILINE)


def test_moments_have_one_form_and_one_agent_is_told_in_whole() -> None:
    one = agent_text(agent(PAUSED, "arm-0", NOW))
    assert " ".join(LONG.split()) in one
    for text in (one, status_of(PAUSED), why_text(why(PAUSED, "arm", NOW).as_json())):
        assert not re.search(r"\dT\d\d:", text)
    assert status(PAUSED, NOW)["pauses"][0]["until"] == "2026-03-01T12:30:00.000Z"
