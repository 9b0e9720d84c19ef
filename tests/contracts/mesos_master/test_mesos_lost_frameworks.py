"""What a service finds out of frameworks that it lost, from the state of a master."""

from __future__ import annotations

from implementations import REAL_ONLY
from plain_mesos import Place
from plain_scheduler import Subscribe
from real_mesos import eventually
from task_infos import id_of, task

from ciprov.agents.leftovers.lost_frameworks import LostFramework, lost_frameworks
from ciprov.clients.connection import Connection
from ciprov.clients.mesos_agents import HttpAgents


def lost(master: Place, name: str, own_id: str) -> list[LostFramework]:
    user, _, password = master.credential.partition(":")
    known = HttpAgents(Connection("m", [master.base], user=user, password=password)).frameworks()
    assert known is not None
    return list(lost_frameworks(known, name, own_id, master.base))


def test_a_framework_of_our_name_that_is_away_is_found_with_the_tasks_that_it_left(
    subscribe: Subscribe, master: Place
) -> None:
    first, second = subscribe(name="lost"), subscribe(name="lost")
    second.subscribed()
    subscribe(name="another").subscribed()
    offer = first.offer()
    runs, ended = task(offer, "sleep 100"), task(offer, "true")
    first.accept([offer], [runs, ended])
    first.status(id_of(runs), "TASK_RUNNING")
    first.status(id_of(ended), "TASK_FINISHED")
    assert [one.id for one in lost(master, "lost", first.framework_id)] == [second.framework_id]
    (there,) = lost(master, "lost", second.framework_id)
    assert (there.id, there.tasks) == (first.framework_id, (id_of(runs),))
    assert "is subscribed" in there.text
    first.disconnect()
    eventually(lambda: "is away" in lost(master, "lost", second.framework_id)[0].text, 10, "it is away")
    (away,) = lost(master, "lost", second.framework_id)
    assert away.tasks == (id_of(runs),)


@REAL_ONLY
def test_the_way_out_ends_it(subscribe: Subscribe, master: Place) -> None:
    first = subscribe(name="to-end")
    first.subscribed()
    first.disconnect()
    eventually(lambda: "is away" in lost(master, "to-end", "")[0].text, 10, "it is away")
    (one,) = lost(master, "to-end", "")
    url, body = one.way_out.rpartition("curl -X POST ")[2].split(" -d ")
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = master.ask("POST", url.removeprefix(master.base), body.encode(), headers)
    assert answer.status == 200, answer.text
    eventually(lambda: not lost(master, "to-end", ""), 10, "it is gone")
