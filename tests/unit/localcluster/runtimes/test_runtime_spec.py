from __future__ import annotations

import signal

import pytest

from ciprov.localcluster.model import Condition
from ciprov.localcluster.runtimes.environment import DEFAULT_PATH, base_environment
from ciprov.localcluster.runtimes.proc import ProcessStat, closure, parse_stat
from ciprov.localcluster.runtimes.sandbox import (
    KEEP_IN_ALL,
    KEEP_PER_APP,
    KEEP_SECONDS,
    EndedSandbox,
    collectable,
    directory_name,
)
from ciprov.localcluster.runtimes.spec import (
    SupervisorSpec,
    SupervisorStatus,
    decode_status,
    encode,
    environment_of,
    outcome,
)


def test_the_environment_comes_back_as_it_was_given() -> None:
    environment = {"A": "1", "EMPTY": "", "EQUAL": "a=b", "LINES": "x\ny", "UMLAUT": "ü"}
    spec = SupervisorSpec("/sandbox", ("/bin/sh", "-c", "A=2 env"), environment, 3.0)
    assert environment_of(encode(spec)) == environment


@pytest.mark.parametrize("environment", [{"A": "x\0y"}, {"": "x"}, {"A=B": "x"}])
def test_what_no_process_can_be_given_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="environment variable"):
        encode(SupervisorSpec("/sandbox", ("true",), environment, 3.0))


def status(code: int | None = None, number: int | None = None, *, killed: bool = False) -> SupervisorStatus:
    return SupervisorStatus("boot", 10, 100, 11, 101, killed, code, number)


@pytest.mark.parametrize(
    ("ended", "asked", "condition", "message"),
    [
        (status(0), False, Condition.FINISHED, "Command exited with status 0"),
        (status(1), False, Condition.FAILED, "Command exited with status 1"),
        (status(0), True, Condition.KILLED, "Command exited with status 0"),
        (status(None, signal.SIGKILL), False, Condition.FAILED, "Command terminated with signal Killed"),
        (status(None, 15, killed=True), False, Condition.KILLED, "Command terminated with signal Terminated"),
    ],
)
def test_the_outcome_is_worded_as_mesos_words_it(
    ended: SupervisorStatus, asked: bool, condition: Condition, message: str
) -> None:
    assert outcome(ended, kill_asked=asked) == (condition, message)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"supervisor": 1}', "null"])
def test_an_unreadable_status_is_none(content: str) -> None:
    assert decode_status(content) is None


def test_the_name_of_a_process_may_hold_anything() -> None:
    tail = "S 7 8 9 " + " ".join("0" for _ in range(15)) + " 4711 0"
    assert parse_stat(f"42 (a) b (c)) {tail}") == ProcessStat(42, 7, 9, 4711, zombie=False)


def test_closure_takes_all_descendants_and_only_running_roots() -> None:
    parents = {2: 1, 3: 2, 4: 3, 5: 1}
    processes = [ProcessStat(pid, parent, pid, 0, zombie=False) for pid, parent in parents.items()]
    assert closure(processes, [2, 99]) == {2, 3, 4}


def test_task_ids_become_safe_and_distinct_directory_names() -> None:
    assert directory_name("a_b.instance-1._app.1") == "a_b.instance-1._app.1"
    strange = ["..", ".", "a/b", "/etc", "a" * 300, "a" * 301, "", "a_b/", "-x", "x\ny"]
    names = {directory_name(each) for each in strange}
    assert len(names) == len(strange)
    assert all("/" not in name and name[0] not in ".-" and len(name) <= 255 for name in names)


def test_old_and_surplus_sandboxes_are_collected_per_app() -> None:
    now = 10 * KEEP_SECONDS
    many = [EndedSandbox(f"a.instance-{number}", now - number) for number in range(KEEP_PER_APP + 3)]
    old = [EndedSandbox("b.instance-1", now - KEEP_SECONDS - 1), EndedSandbox("b.instance-2", now - KEEP_SECONDS + 1)]
    removed = {"b.instance-1"} | {f"a.instance-{KEEP_PER_APP + number}" for number in range(3)}
    assert set(collectable([*many, *old], now)) == removed


def test_sandboxes_of_environments_that_come_and_go_are_not_kept_without_end():
    now = 10 * KEEP_SECONDS
    of_many = [EndedSandbox(f"app-{number}.instance-1", now - number) for number in range(KEEP_IN_ALL + 2)]
    again = [EndedSandbox(f"app-0.instance-{number}", now - 0.5) for number in range(KEEP_PER_APP + 3)]
    removed = set(collectable([*of_many, *again], now))
    assert len(removed) == KEEP_PER_APP + 3 + 2
    assert {f"app-{KEEP_IN_ALL + 1}.instance-1", f"app-{KEEP_IN_ALL}.instance-1"} <= removed


def test_tasks_inherit_only_the_basics() -> None:
    inherited = {
        "PATH": "/p",
        "HOME": "/h",
        "LANG": "C",
        "TZ": "UTC",
        "USER": "u",
        "AWS_SECRET": "x",
        "PYTHONPATH": "y",
    }
    basics = {"PATH": "/p", "HOME": "/h", "LANG": "C", "TZ": "UTC", "USER": "u", "LOGNAME": "u"}
    assert base_environment(inherited, None) == basics
    assert base_environment({}, None) == {"PATH": DEFAULT_PATH}
