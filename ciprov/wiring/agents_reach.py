"""Where agents reach the service, which gives them secrets and hears of builds; and whom they trust as Jenkins."""

from __future__ import annotations

import re
import socket
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from ciprov.agents.start.authorities import MOST, certificates
from ciprov.agents.view.happenings import Happening, Severity, Tell, What
from ciprov.settings.agents import AgentSettings, Listen
from ciprov.settings.model import Cluster

_MESOS_PORT = 5050


def listening_host(agents: AgentSettings, cluster: Cluster) -> str:
    """As the settings say; else, on a cluster of many machines, this one's address on the way to the Mesos masters."""
    if "listen" in agents.sources or cluster.is_embedded:
        return agents.listen.host
    return _this_machine_seen_from(_first_master(agents, cluster)) or agents.listen.host


def signal_url(agents: AgentSettings, cluster: Cluster, bound: tuple[str, int], tell: Tell) -> str:
    """Empty where agents could not reach it. `bound` is where the service listens."""
    if agents.address:
        return agents.address
    if _is_loopback(bound[0]) and not cluster.is_embedded and not _is_loopback(_first_master(agents, cluster)):
        text = (
            f"agents on other hosts do not reach {bound[0]}: they get their secrets as variables of Mesos's, which "
            "shows them to users of their hosts, and builds are seen a poll later; set agents.listen or agents.address"
        )
        tell(Happening(What.REFUSED, text, Severity.WARNING))
        return ""
    return f"http://{Listen(*bound)}"


def trusted_authorities(agents: AgentSettings, tell: Tell) -> tuple[str, ...]:
    """The certificates of `jenkins.tls.ca`: whom the service trusts for Jenkins, its agents do."""
    access = agents.jenkins
    if not (access.tls.verify and access.tls.ca and access.url.startswith("https://")):
        return ()
    # With what a file of another encoding may have between its certificates.
    found = certificates(Path(access.tls.ca).read_text(encoding="ascii", errors="replace"))
    if len(found) <= MOST:
        return found
    text = (
        f"agents are told of none of the {len(found)} authorities in agents.jenkins.tls.ca, as {MOST} are the most: "
        "they trust those of their Java; give a file with Jenkins's authority alone if that is not among them"
    )
    tell(Happening(What.REFUSED, text, Severity.WARNING))
    return ()


def _first_master(agents: AgentSettings, cluster: Cluster) -> str:
    """Its host, or that of the first ZooKeeper where the masters are found there."""
    first = re.split("[,/]", agents.masters.partition("://")[2] or agents.masters)[0].rpartition("@")[2]
    if first:
        return urlsplit(f"//{first}").hostname or ""
    return (urlsplit(cluster.mesos[0]).hostname or "") if cluster.mesos else ""


def _this_machine_seen_from(host: str) -> str:
    """No packet is sent for it. Empty where the host is not known."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, _MESOS_PORT, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    except OSError:
        return ""


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
