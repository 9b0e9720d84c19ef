"""When an agent is set offline so that it gets no further build, and when it is set online again."""

from __future__ import annotations

from dataclasses import replace

from agent_life import BUSY, FENCED_IDLE, IDLE, MAVEN, RUNNING, STARTING, WITHDRAWN, agent, at, look, task

from ciprov.agents.lifecycle import Act, Seen, advance, had_build_before
from ciprov.agents.record import Cause, Phase
from ciprov.framework.ledger.transitions import TaskState


class TestBetweenAnItemAndItsBuild:
    """Jenkins loses an item for good whose agent is set offline before the build begins."""

    def test_it_is_fenced_only_once_the_build_has_begun(self) -> None:
        step = look(agent(Phase.ONLINE), 1, STARTING)
        assert (step.record.phase, step.acts) == (Phase.BUSY, ())
        step = look(step.record, 1.1, STARTING)
        assert (step.record.phase, step.acts) == (Phase.BUSY, ())
        assert look(step.record, 1.2, BUSY).acts == (Act.FENCE,)

    def test_or_it_goes_on_for_so_long_that_jenkins_does_not_show_it(self) -> None:
        """As to a user who may not read its job: the agent would get one build after the other."""
        assert look(agent(Phase.BUSY), 29, STARTING).acts == ()
        assert look(agent(Phase.BUSY), 30, STARTING).acts == (Act.FENCE,)

    def test_or_its_task_told_of_it(self) -> None:
        assert look(agent(Phase.BUSY), 1, STARTING, signalled=True).acts == (Act.FENCE,)

    def test_or_it_was_so_short_that_no_look_saw_it(self) -> None:
        assert look(agent(Phase.BUSY), 1, IDLE).acts == (Act.WITHDRAW,)
        assert look(agent(Phase.BUSY), 1, IDLE, signalled=True).acts == (Act.WITHDRAW,)

    def test_once_its_task_told_of_a_build_no_look_is_waited_for(self) -> None:
        seen = Seen(task=RUNNING, node=IDLE, looked_at=at(0.9), signalled=True)
        step = advance(agent(Phase.ONLINE), seen, MAVEN, at(1))
        assert (step.record.phase, step.acts) == (Phase.BUSY, (Act.FENCE,))

    def test_nor_while_the_next_item_was_given_to_it(self) -> None:
        record = agent(Phase.BUSY, builds=("http://j/job/x/1/",))
        assert look(record, 1, STARTING).acts == ()
        assert look(record, 1, BUSY).acts == (Act.FENCE,)

    def test_one_that_is_to_go_is_not_fenced_either(self) -> None:
        assert look(agent(Phase.ONLINE, leaving=Cause.IDLE), 1, STARTING).acts == ()

    def test_nor_one_on_which_a_pipeline_goes_on(self) -> None:
        assert look(agent(Phase.FENCED), 1, STARTING).acts == ()
        assert look(agent(Phase.FENCED), 1, BUSY).acts == (Act.FENCE,)


class TestAPipelineThatOutlivesARestartOfJenkins:
    """Until it goes on, its agent looks idle."""

    def seen(self, looked_at: float) -> Seen:
        return Seen(task=RUNNING, node=FENCED_IDLE, looked_at=at(looked_at), restarted_at=at(100))

    def test_keeps_its_agent_for_a_while(self) -> None:
        assert advance(agent(Phase.FENCED), self.seen(110), MAVEN, at(110)).record.phase is Phase.FENCED

    def test_and_no_longer(self) -> None:
        assert advance(agent(Phase.FENCED), self.seen(131), MAVEN, at(131)).record.cause is Cause.DONE

    def test_also_one_that_was_fenced_only_once_jenkins_was_back(self) -> None:
        assert advance(agent(Phase.FENCED, since=105), self.seen(110), MAVEN, at(110)).record.phase is Phase.FENCED

    def test_agents_whose_build_began_after_the_restart_are_not_kept(self) -> None:
        record = agent(Phase.FENCED, since=105)
        record = replace(record, times={**record.times, Phase.BUSY.value: at(104)})
        assert advance(record, self.seen(110), MAVEN, at(110)).record.cause is Cause.DONE

    def test_nor_those_whose_task_ended(self) -> None:
        seen = replace(self.seen(110), task=task(TaskState.ENDED, outcome="TASK_FINISHED"))
        assert advance(agent(Phase.FENCED), seen, MAVEN, at(110)).record.phase is Phase.ENDED

    def test_the_agent_is_set_online_for_it_and_offline_again_once_it_goes_on(self) -> None:
        """Jenkins gives an agent that is offline nothing to go on with."""
        waits = replace(self.seen(200), node=WITHDRAWN, resumed=True, withdrawn=True)
        step = advance(agent(Phase.FENCED), waits, MAVEN, at(200))
        assert (step.record.phase, step.acts) == (Phase.FENCED, (Act.UNFENCE,))
        step = advance(step.record, replace(waits, node=IDLE, looked_at=at(201)), MAVEN, at(201))
        assert (step.record.phase, step.acts) == (Phase.FENCED, ())
        step = advance(step.record, replace(waits, node=BUSY, looked_at=at(202)), MAVEN, at(202))
        assert (step.record.phase, step.acts) == (Phase.FENCED, (Act.FENCE,))

    def test_not_before_its_labels_are_off_as_any_other_item_would_take_it(self) -> None:
        waits = replace(self.seen(150), resumed=True)
        assert advance(agent(Phase.FENCED), waits, MAVEN, at(150)).acts == (Act.WITHDRAW,)

    def test_one_that_has_labels_of_plugins_or_is_a_persons_by_now_is_withdrawn_only_once(self) -> None:
        waits = replace(self.seen(150), node=replace(FENCED_IDLE, mark=None), resumed=True, withdrawn=True)
        assert advance(agent(Phase.FENCED), waits, MAVEN, at(150)).acts == (Act.UNFENCE,)

    def test_one_that_nothing_waits_for_is_set_offline_again(self) -> None:
        """Jenkins forgot about it when it restarted."""
        step = advance(agent(Phase.FENCED), replace(self.seen(105), node=IDLE), MAVEN, at(105))
        assert step.acts == (Act.WITHDRAW,)

    def test_who_had_a_build_when_jenkins_restarted(self) -> None:
        assert had_build_before(agent(Phase.FENCED), at(100))
        assert not had_build_before(agent(Phase.FENCED), None)
        assert not had_build_before(agent(Phase.ONLINE), at(100))
        assert not had_build_before(agent(Phase.BUSY, since=101), at(100))
