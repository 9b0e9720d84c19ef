"""Where agents are told that they find the service."""

from __future__ import annotations

from pathlib import Path

import pytest

from ciprov.agents.template import Rules
from ciprov.agents.view.happenings import Happening
from ciprov.domain.mesos_scheduler import Framework
from ciprov.settings.agents import AgentSettings, JenkinsAccess, Listen
from ciprov.settings.model import Cluster, Tls
from ciprov.wiring.agents_reach import listening_host, signal_url, trusted_authorities


def settings(*, listen: str = "", address: str = "", masters: str = "") -> AgentSettings:
    sources = {"listen": "settings.yaml:3"} if listen else {}
    access, given = JenkinsAccess("http://jenkins"), Listen(listen) if listen else Listen()
    return AgentSettings(
        access, Rules(), Framework("ciprov", ("*",)), given, address=address, masters=masters, sources=sources
    )


NEAR = Cluster("staging", mesos=("http://127.0.0.1:5050",))
FAR = Cluster("staging", mesos=("http://192.0.2.1:5050",))
EMBEDDED = Cluster("local", mesos=("http://127.1.2.3:8080",))


def test_it_listens_where_the_settings_say() -> None:
    assert listening_host(settings(listen="127.0.0.9"), FAR) == "127.0.0.9"


@pytest.mark.parametrize("masters", ["", "zk://user:secret@127.0.0.1:2181,127.0.0.2:2181/mesos", "127.0.0.1:5050"])
def test_else_at_its_address_on_the_way_to_the_masters(masters: str) -> None:
    assert listening_host(settings(masters=masters), NEAR) == "127.0.0.1"


def test_masters_that_have_no_address_leave_it_on_loopback() -> None:
    assert listening_host(settings(masters="zk://no-such-host.invalid:2181/mesos"), FAR) == "127.0.0.1"


def test_an_address_that_the_settings_name_is_told_as_it_is() -> None:
    assert signal_url(settings(address="https://ci/agents"), FAR, ("127.0.0.1", 1), _never) == "https://ci/agents"


@pytest.mark.parametrize(("cluster", "host"), [(NEAR, "127.0.0.1"), (EMBEDDED, "127.0.0.1"), (FAR, "192.0.2.7")])
def test_agents_are_told_where_it_listens(cluster: Cluster, host: str) -> None:
    assert signal_url(settings(), cluster, (host, 9443), _never) == f"http://{host}:9443"


def test_agents_of_other_hosts_are_not_sent_to_loopback() -> None:
    told: list[Happening] = []
    assert signal_url(settings(listen="127.0.0.1"), FAR, ("127.0.0.1", 9443), told.append) == ""
    assert "do not reach 127.0.0.1" in told[0].text


def trusting(tmp_path: Path, certificates: int, *, verify: bool = True) -> AgentSettings:
    file = tmp_path / "authority.pem"
    file.write_text("# é\n-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----\n" * certificates)
    access = JenkinsAccess("https://jenkins", tls=Tls(verify=verify, ca=str(file)))
    return AgentSettings(access, Rules(), Framework("ciprov", ("*",)))


def test_agents_trust_whom_the_service_does(tmp_path: Path) -> None:
    assert len(trusted_authorities(trusting(tmp_path, 2), _never)) == 2
    assert trusted_authorities(trusting(tmp_path, 2, verify=False), _never) == ()
    assert trusted_authorities(settings(), _never) == ()


def test_a_whole_bundle_is_not_put_on_their_command_line(tmp_path: Path) -> None:
    told: list[Happening] = []
    assert trusted_authorities(trusting(tmp_path, 140), told.append) == ()
    assert "none of the 140 authorities" in told[0].text


def _never(happening: Happening) -> None:
    raise AssertionError(happening.text)
