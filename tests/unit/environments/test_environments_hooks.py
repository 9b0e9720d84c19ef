"""Hooks around `up` and `down`, in the model of Marathon."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from marathon_model import GROUP, START, Killed, World, app, desired
from operating import CHAIN, KEEP, ORIGIN, up

from ciprov.domain.environment import EnvironmentRecord, Phase
from ciprov.domain.page import Page
from ciprov.environments.blueprint.parameters import Secret
from ciprov.environments.blueprint.secrecy import fingerprint
from ciprov.environments.desired import Desired
from ciprov.environments.hooks.around_down import DownStopped, hidden_values
from ciprov.environments.hooks.recorded import RecordedHooks
from ciprov.environments.hooks.records import Hook, HookChoice, Stage
from ciprov.environments.progress import Planned
from ciprov.environments.results import DownOptions, Interrupted, Origin, UpFailed, UpOptions

WEB = app("web", healthChecks=[])
MIGRATE = Hook(Stage.AFTER_UP, "migrate", run="python m.py", like="web", timeout=20)
BUILD = Hook(Stage.BEFORE_UP, "build", local="make", timeout=20)
FRONT = Hook(Stage.SMOKE, "front", http="http://front/", text="fine", timeout=10)
HOOK_APP = f"{GROUP}/ciprov-hook-migrate"
FINE = [Page(200, "all is fine")]


def hooked(*hooks: Hook, mark: str = "a", apps: tuple[dict[str, Any], ...] = ()) -> Desired:
    return replace(desired(*(apps or CHAIN), app("web2", cmd=mark)), hooks=hooks)


def failing(**env: str) -> Hook:
    return replace(MIGRATE, env=env)


def told_by(told: list[Any]) -> str:
    return "\n".join(map(str, told))


def down(world: World, options: DownOptions | None = None) -> Any:
    return world.service().down("x", GROUP, options or DownOptions(), lambda _: None)


SOURCE = """
blueprint: courseware
parameters: {pw: {type: secret}}
hooks: {before_down: [%s]}
group: {apps: [{id: web, cmd: run}]}
"""


def origin(hook: str) -> UpOptions:
    return UpOptions(Origin("/there/c.yaml", SOURCE % hook, "me"))


def test_every_stage_runs_in_order_and_history_says_so():
    world, told = World(), []
    world.here.pages["http://front/"] = [Page(error="nothing answers there"), Page(503), Page(200, "no"), *FINE]
    world.here.commands["make"] = (1.0, 0, "compiled")
    result = up(world, hooked(FRONT, MIGRATE, BUILD), told=told)
    assert result.hooks == ("build", "migrate", "front")
    assert isinstance(told[0], Planned)
    assert "> before_up build" in str(told[0])
    assert world.writes == [
        f"put_group {GROUP}",
        next(one for one in world.writes if one.startswith(f"put_app {HOOK_APP}")),
        f"delete_app {HOOK_APP}",
    ]
    assert "build | compiled" in told_by(told)
    for why in ("nothing answers there", "it answered 503 instead of 200", "its answer has no 'fine'"):
        assert f"{why}, trying again" in told_by(told)
    assert HOOK_APP not in world.live
    assert world.entries[-1].outcome == "ready; hooks: build, migrate, front"
    assert world.records["x"].phase is Phase.READY
    command, directory, variables = world.here.began[0]
    assert (command, directory, variables["CIPROV_ENV_NAME"]) == ("make", ".", "x")


def test_nothing_runs_where_nothing_changes_unless_smoke_checks_are_asked_for():
    world = World()
    world.here.pages["http://front/"] = FINE
    shall = hooked(FRONT, MIGRATE, BUILD)
    up(world, shall)
    assert up(world, shall).hooks == ()
    assert up(world, shall, UpOptions(ORIGIN, hooks=HookChoice(smoke=True))).hooks == ("front",)
    assert up(world, hooked(FRONT, mark="b"), UpOptions(ORIGIN, hooks=HookChoice(skip=True))).hooks == ()


def test_a_failing_after_up_is_a_failure_of_up_and_rolls_back():
    world = World()
    up(world, hooked())
    before = {one: live.body for one, live in world.live.items()}
    with pytest.raises(UpFailed) as caught:
        up(world, hooked(BUILD, failing(FAIL="1"), FRONT, mark="b"))
    assert "hook after_up migrate failed: Command exited with status 3" in caught.value.message
    assert "what its hooks did (build) is not undone" in caught.value.message
    assert caught.value.rolled_back
    assert {one: live.body for one, live in world.live.items()} == before
    assert "migrate failed" in world.records["x"].failure
    assert "migrate failed" in world.entries[-1].outcome


def test_a_failing_hook_of_a_first_up_leaves_nothing():
    for hook in (failing(FAIL="1"), replace(failing(FAIL="1"), stage=Stage.BEFORE_UP)):
        world = World()
        with pytest.raises(UpFailed):
            up(world, hooked(hook))
        assert world.live == {}
        assert world.records["x"].phase is Phase.FAILED


def test_what_failed_is_kept_where_that_is_asked_for_and_the_hooks_run_again():
    world = World()
    with pytest.raises(UpFailed):
        up(world, hooked(failing(FAIL="1")), KEEP)
    assert set(world.live) == {f"{GROUP}/{one}" for one in ("db", "api", "web", "web2")}
    assert up(world, hooked(MIGRATE)).hooks == ("migrate",)
    assert world.records["x"].phase is Phase.READY


def test_before_up_runs_before_anything_is_written_and_stops_it():
    world = World()
    world.here.commands["make"] = (1.0, 2, "no rule to make target")
    with pytest.raises(UpFailed) as caught:
        up(world, hooked(BUILD))
    assert not any(one.startswith("put_group") for one in world.writes)
    assert "hook before_up build failed: its command ended with status 2" in caught.value.message
    assert "no rule to make target" in caught.value.message


def test_before_up_can_run_on_a_cluster_that_has_nothing_yet():
    world = World()
    assert up(world, hooked(replace(MIGRATE, stage=Stage.BEFORE_UP))).hooks == ("migrate",)
    assert world.writes[0].startswith(f"put_app {HOOK_APP}")


@pytest.mark.parametrize(
    ("hook", "why"),
    [
        (failing(SICK="1"), "it did not end within 20 s"),
        (replace(BUILD, stage=Stage.AFTER_UP, local="for ever"), "it did not end within 20 s"),
        (FRONT, "http://front/: nothing answers there, for 10 s"),
    ],
)
def test_a_hook_that_does_not_end_is_ended(hook, why):
    world = World()
    world.here.commands["for ever"] = (1e6, 0, "")
    started = world.now
    with pytest.raises(UpFailed, match=why):
        up(world, hooked(hook), KEEP)
    assert world.now - started < 40
    assert HOOK_APP not in world.live
    assert world.here.ended == [one for one, *_ in world.here.began]


def test_a_smoke_command_is_tried_again_until_its_time_is_over():
    world = World()
    world.here.commands["test"] = (1.0, 1, "")
    with pytest.raises(UpFailed, match="its command ended with status 1"):
        up(world, hooked(Hook(Stage.SMOKE, "cli", local="test", timeout=10)), KEEP)
    assert len(world.here.began) in (5, 6)
    again = World()
    again.here.commands["test"] = (1.0, 1, "")
    with pytest.raises(UpFailed):
        up(again, hooked(Hook(Stage.AFTER_UP, "cli", local="test", timeout=10)), KEEP)
    assert len(again.here.began) == 1


def test_a_smoke_command_that_always_says_the_same_is_told_once():
    world, told = World(), []
    world.here.commands["test"] = (1.0, 1, "no answer yet")
    with pytest.raises(UpFailed, match="no answer yet"):
        up(world, hooked(Hook(Stage.SMOKE, "cli", local="test", timeout=10)), KEEP, told)
    assert told_by(told).count("cli | no answer yet") == 1
    assert told_by(told).count("trying again") == 1


def test_without_waiting_what_follows_is_left_to_the_next_up():
    world, told = World(), []
    assert up(world, hooked(BUILD, MIGRATE), UpOptions(ORIGIN, wait=False), told).hooks == ("build",)
    assert "migrate (after_up) is left to the next `up` that waits" in told_by(told)
    assert up(world, hooked(BUILD, MIGRATE)).hooks == ("migrate",)


def test_secrets_in_output_are_hidden():
    world, told = World(), []
    world.here.commands["make"] = (1.0, 2, "password hunter2")
    with pytest.raises(UpFailed) as caught:
        up(world, replace(hooked(BUILD), secret_values=frozenset({"hunter2"})), told=told)
    assert "hunter2" not in told_by(told) + str(caught.value) + world.records["x"].failure


def test_a_hook_whose_up_was_killed_runs_again_wherever_that_was():
    """Killed at each call of the outside: the next `up` brings the environment up, and the hook ran to its end."""
    kills = 0
    for at in range(1, 400, 7):
        world = World()
        world.here.pages["http://front/"] = FINE
        world.kill_at = at
        shall = hooked(replace(MIGRATE, stage=Stage.BEFORE_UP, name="first"), MIGRATE, FRONT)
        try:
            up(world, shall)
            break
        except Killed:
            kills += 1
        world.advance(3)
        result = up(world, shall)
        assert set(world.live) == {f"{GROUP}/{one}" for one in ("db", "api", "web", "web2")}, at
        assert world.records["x"].phase is Phase.READY
        assert result.hooks[-2:] == ("migrate", "front") or result.outcome == "unchanged", (at, result.hooks)
    assert kills > 10


def test_a_lost_answer_starts_no_second_run():
    world = World()
    world.lose_answers = {f"put_app {HOOK_APP}"}
    assert up(world, hooked(MIGRATE)).hooks == ("migrate",)
    assert sum(one.startswith(f"put_app {HOOK_APP}") for one in world.writes) == 1


def test_a_hook_that_was_left_behind_is_not_brought_back_by_rolling_back():
    world = World()
    up(world, hooked())
    world.put_app(HOOK_APP, LEFTOVER)
    world.advance(1)
    with pytest.raises(UpFailed):
        up(world, hooked(failing(FAIL="1"), mark="b"))
    assert HOOK_APP not in world.live


LEFTOVER = {
    "labels": {"CIPROV_ENV": "x", "CIPROV_HOOK": "migrate"},
    "env": {"SICK": "1"},
    "portDefinitions": [],
    "healthChecks": [{"protocol": "COMMAND", "command": {"value": "test -e done"}}],
}


def test_what_an_earlier_run_left_is_taken_away_before_the_next_one_starts():
    world = World()
    world.put_app(HOOK_APP, LEFTOVER)
    world.advance(1)
    world.writes.clear()
    assert up(world, hooked(replace(MIGRATE, stage=Stage.BEFORE_UP))).hooks == ("migrate",)
    assert [one.partition(" ")[0] for one in world.writes[:3]] == ["delete_app", "put_app", "delete_app"]


def test_a_hook_alone_is_no_environment_to_go_back_to():
    world = World()
    world.put_app(HOOK_APP, LEFTOVER)
    world.advance(1)
    with pytest.raises(UpFailed):
        up(world, hooked(failing(FAIL="1")))
    assert world.live == {}
    assert GROUP not in world.groups


def test_a_hook_that_was_left_behind_is_taken_away_by_the_next_up():
    world = World()
    up(world, hooked())
    world.put_app(HOOK_APP, LEFTOVER)
    world.advance(1)
    status = world.service().status("x", GROUP)
    assert [one.drift for one in status.apps] == [""] * 5
    assert [one.detail for one in status.apps if one.app_id == HOOK_APP] == ["runs a hook"]
    assert status.diagnoses == ()
    plan = world.service().plan("x", lambda record, taken: hooked())
    assert plan.summary == "4 to keep, 1 to remove"
    assert plan.conflicts == ()
    up(world, hooked())
    assert HOOK_APP not in world.live


def test_an_interrupted_hook_is_ended():
    for hook in (MIGRATE, replace(BUILD, stage=Stage.AFTER_UP, local="for ever")):
        world = World()
        world.here.commands["for ever"] = (1e6, 0, "")

        def interrupt() -> None:
            raise KeyboardInterrupt

        up(world, hooked())
        world.at.append((world.now + 4, interrupt))
        with pytest.raises(Interrupted):
            up(world, hooked(replace(hook, env={"START": "1000"}), mark="b"))
        world.advance(2)
        assert HOOK_APP not in world.live
        assert world.here.ended == [one for one, *_ in world.here.began]


def kill_at(world: World, seconds: float) -> None:
    def kill() -> None:
        world.kill_at = world.calls + 1

    world.at.append((world.now + seconds, kill))


DUMP = "{name: dump, run: pg_dump, like: web, env: {START: '3'}}"


def test_before_down_runs_before_anything_stops_and_needs_no_checkout():
    world = World()
    up(world, hooked(), origin(DUMP))
    world.writes.clear()
    assert [hook.name for hook in world.service().hooks_before_down("x")] == ["dump"]
    result = down(world)
    assert result.hooks == ("dump",)
    assert world.writes[0].startswith(f"put_app {GROUP}/ciprov-hook-dump")
    assert world.writes[1] == f"delete_app {GROUP}/ciprov-hook-dump"
    assert world.live == {}
    assert world.entries[-1].outcome == "removed; hooks: dump"


def test_a_failing_before_down_stops_nothing_and_says_the_way_out():
    world = World()
    world.here.commands["fail"] = (1.0, 1, "disk full")
    up(world, hooked(), origin("{name: dump, local: fail}"))
    with pytest.raises(DownStopped) as caught:
        down(world)
    assert "hook before_down dump failed" in caught.value.message
    assert "disk full" in caught.value.message
    assert "--skip-hooks" in caught.value.way_out
    assert len(world.live) == 4
    assert "dump failed" in world.records["x"].failure
    assert (world.records["x"].phase, world.records["x"].operation) == (Phase.READY, None)
    assert down(world, DownOptions(hooks=HookChoice(skip=True))).hooks == ()
    assert world.live == {}


def test_a_failing_before_down_that_need_not_stop_anything():
    world = World()
    world.here.commands["fail"] = (1.0, 1, "disk full")
    up(world, hooked(), origin("{name: dump, local: fail, on_failure: continue}"))
    assert down(world).hooks == ("dump (failed)",)
    assert world.live == {}


def test_a_secret_that_is_not_at_hand_is_named():
    world = World()
    hook = "{name: dump, local: x, env: {PW: '${pw}'}}"
    up(world, hooked(), origin(hook))
    with pytest.raises(DownStopped, match="CIPROV_PARAM_PW"):
        down(world)
    assert world.here.began == []
    world.here.environment["CIPROV_PARAM_PW"] = "hunter2"
    down(world)
    assert world.here.began[0][2]["PW"] == "hunter2"


def test_a_down_that_was_killed_before_anything_stopped_runs_its_hooks_again_and_an_up_keeps_what_there_is():
    for then in ("down", "up", "failing up"):
        world = World()
        up(world, hooked(), origin(DUMP))
        kill_at(world, 1.5)
        with pytest.raises(Killed):
            down(world)
        assert f"{GROUP}/ciprov-hook-dump" in world.live
        if then == "down":
            assert down(world).hooks == ("dump",)
            assert world.live == {}
            continue
        if then == "up":
            up(world, hooked())
        else:
            with pytest.raises(UpFailed):
                up(world, hooked(failing(FAIL="1"), mark="b"))
        assert set(world.live) == {f"{GROUP}/{one}" for one in ("db", "api", "web", "web2")}


def test_no_hooks_where_an_earlier_down_has_begun_to_stop_things():
    world = World()
    up(world, hooked(), origin(DUMP))
    world.records["x"] = replace(world.records["x"], phase=Phase.REMOVING)
    assert down(world).hooks == ()


def test_of_a_secret_that_is_not_at_hand_the_record_tells_which_variable_it_is():
    record = EnvironmentRecord(
        "c", "x", GROUP, "b", "f", "s", "", Phase.READY, START, START,
        secret_fingerprints={"pw": fingerprint(Secret("hunter2"), f"{GROUP}/pw")},
    )  # fmt: skip
    live = {f"{GROUP}/db": {"env": {"PASSWORD": "hunter2", "MODE": "production", "N": 3}}}
    assert hidden_values(RecordedHooks(unknown=frozenset({"pw"})), record, live) == {"hunter2"}
    nowhere = {f"{GROUP}/db": {"env": {"URL": "sql://me:hunter2@db", "MODE": "test"}}}
    assert hidden_values(RecordedHooks(unknown=frozenset({"pw"})), record, nowhere) == {"sql://me:hunter2@db"}
    assert hidden_values(RecordedHooks(secrets=frozenset({"s"})), record, live) == {"s"}
