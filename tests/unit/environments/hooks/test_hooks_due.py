"""Which hooks run: functions of the record, the plan and what the command says."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ciprov.domain.environment import EnvironmentRecord, Operation, Phase
from ciprov.environments.hooks.due import down_has_hooks, due_for_up
from ciprov.environments.hooks.records import Hook, HookChoice, Stage

NOW = datetime(2030, 1, 1, tzinfo=UTC)
HOOKS = tuple(Hook(stage, f"{stage}-{number}", local="x") for number in (1, 2) for stage in reversed(Stage))
READY = EnvironmentRecord("c", "x", "/x", "b", "f", "s", "", Phase.READY, NOW, NOW, counts={"/x/a": 1})
CUT_SHORT = replace(READY, operation=Operation("up", NOW, "me"))
NONE, SMOKE, SKIP = HookChoice(), HookChoice(smoke=True), HookChoice(skip=True)


def stages(before, changes, choice=NONE):
    return [hook.stage for hook in due_for_up(HOOKS, before, changes, choice)]


ALL = [Stage.BEFORE_UP] * 2 + [Stage.AFTER_UP] * 2 + [Stage.SMOKE] * 2


@pytest.mark.parametrize(
    ("before", "changes", "choice", "wanted"),
    [
        (None, True, NONE, ALL),
        (READY, True, NONE, ALL),
        (READY, True, SKIP, []),
        (READY, True, HookChoice(skip=True, smoke=True), []),
        (READY, False, NONE, []),
        (READY, False, SMOKE, ALL[4:]),
        (CUT_SHORT, False, NONE, ALL[2:]),
        (replace(READY, phase=Phase.FAILED), False, NONE, ALL[2:]),
        (replace(READY, phase=Phase.CREATING), False, NONE, ALL[2:]),
        (None, False, NONE, ALL[2:]),
    ],
)
def test_hooks_of_up(before, changes, choice, wanted):
    assert stages(before, changes, choice) == wanted


def test_within_a_stage_the_order_is_that_of_the_blueprint():
    names = [hook.name for hook in due_for_up(HOOKS, None, True, NONE)]
    assert names == ["before_up-1", "before_up-2", "after_up-1", "after_up-2", "smoke-1", "smoke-2"]


@pytest.mark.parametrize(
    ("before", "live", "choice", "wanted"),
    [
        (READY, 2, NONE, True),
        (CUT_SHORT, 2, NONE, True),
        (READY, 2, SKIP, False),
        (READY, 0, NONE, False),
        (replace(READY, phase=Phase.REMOVING), 2, NONE, False),
        (replace(READY, counts={}), 2, NONE, False),
    ],
)
def test_hooks_of_down(before, live, choice, wanted):
    assert down_has_hooks(before, live, choice) is wanted
