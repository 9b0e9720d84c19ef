from pathlib import Path

from ciprov.settings.model import Cluster, Settings
from ciprov.wiring.agents_operating import sandbox_link


def test_to_show_where_a_sandbox_is_no_cluster_is_started(tmp_path: Path) -> None:
    cluster = Cluster("local")
    settings = Settings(tmp_path / "none.yaml", False, tmp_path / "state", "", cluster, "", ())
    shown = {"agent": "ciprov-linux-1", "mesos_agent": "agent-1", "links": {"sandbox": "/#/agents/agent-1"}}
    assert sandbox_link(settings, shown) == ""
    assert not settings.state_dir.exists()
