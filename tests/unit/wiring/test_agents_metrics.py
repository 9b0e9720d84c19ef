import re
from pathlib import Path

from agent_snapshots import BUSY_DAY
from prometheus_client.parser import text_string_to_metric_families

from ciprov.agents.view.happenings import Happening, What
from ciprov.wiring.agents_metrics import Metrics

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "agents-operating.md"


def samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    text = metrics(BUSY_DAY).decode()
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def told(*happenings: Happening) -> dict[tuple[str, ...], float]:
    metrics = Metrics()
    for one in happenings:
        metrics.tell(one)
    return samples(metrics)


def of(what: What, agent: str = "linux-1", cause: str = "", **seconds: float) -> Happening:
    return Happening(what, "told", agent=agent, template="linux", cause=cause, item=5, seconds=seconds)


def test_each_part_of_the_way_is_counted_once_however_often_it_is_told():
    found = told(
        of(What.LAUNCHED, queue_to_accept=0.15),
        of(What.ONLINE, queue_to_accept=0.15, accept_to_online=3.0),
        of(What.BUSY, queue_to_accept=0.15, accept_to_online=3.0, online_to_busy=0.3),
    )
    assert found["ciprov_agents_queue_to_accept_seconds_count", "linux"] == 1
    assert found["ciprov_agents_queue_to_accept_seconds_bucket", "0.2", "linux"] == 1
    assert found["ciprov_agents_queue_to_accept_seconds_bucket", "0.1", "linux"] == 0
    assert found["ciprov_agents_accept_to_online_seconds_sum", "linux"] == 3.0
    assert found["ciprov_agents_online_to_busy_seconds_count", "linux"] == 1


def test_builds_launches_and_ends_are_counted_also_where_only_the_last_phase_was_told():
    found = told(
        of(What.LAUNCHED),
        of(What.BUSY),
        of(What.FENCED, busy_to_fenced=0.1),
        of(What.ENDED, cause="done"),
        of(What.REMOVED, cause="done"),
        of(What.FENCED, "linux-2", wanted_to_accept=0.1, busy_to_fenced=0.1),
        of(What.REMOVED, "linux-2", cause="done", wanted_to_accept=0.1, busy_to_fenced=0.1),
    )
    assert found["ciprov_agents_launched_total", "linux"] == 2
    assert found["ciprov_agents_builds_total", "linux"] == 2
    assert found["ciprov_agents_ended_total", "done", "linux"] == 2


def test_surplus_is_what_was_launched_for_an_item_and_got_no_build():
    built = told(of(What.LAUNCHED), of(What.BUSY), of(What.ENDED, cause="idle"))
    never_launched = told(of(What.NODE_CREATED), of(What.ENDED, cause="surplus"))
    unused = told(of(What.LAUNCHED), of(What.ENDED, cause="surplus"), of(What.REMOVED, cause="surplus"))
    key = ("ciprov_agents_surplus_total", "linux")
    assert [built.get(key, 0), never_launched.get(key, 0), unused.get(key, 0)] == [0, 0, 1]


def test_leaks_and_failures_are_counted():
    found = told(
        of(What.BUSY),
        of(What.LEAKED),
        of(What.ATTEMPT_FAILED, "linux-3", cause="task_failed"),
        of(What.PAUSED, "", cause="its task failed before it connected"),
        Happening(What.FAULT, "oh"),
    )
    assert found["ciprov_agents_builds_total", "linux"] == 2
    assert found["ciprov_agents_leaks_total", "linux"] == 1
    assert found["ciprov_agents_attempts_failed_total", "linux", "task_failed"] == 2
    assert found["ciprov_agents_faults_total",] == 1


def test_what_is_there_now_comes_from_the_snapshot():
    found = samples(Metrics())
    assert found["ciprov_agents", "busy", "linux"] == 1
    assert found["ciprov_agents", "connecting", "linux"] == 1
    assert found["ciprov_agents_waiting_items", "wanted"] == 1
    assert found["ciprov_agents_waiting_items", "served"] == 1
    assert found["ciprov_agents_peer_up", "jenkins"] == 1
    assert found["ciprov_agents_template_paused", "linux"] == 0


def test_all_metrics_are_documented_and_no_others():
    families = text_string_to_metric_families(Metrics()(BUSY_DAY).decode())
    exposed = {family.name for family in families}
    assert set(re.findall(r"`(ciprov_agents\w*)`", DOCUMENT.read_text())) == exposed
