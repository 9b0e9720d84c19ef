"""The settings as the rest of ciprov sees them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ciprov.environments.lifetime.reaping import Policy
from ciprov.environments.service_ports import PortRange
from ciprov.environments.sharing.quotas import Quotas
from ciprov.settings.secret import Secret

if TYPE_CHECKING:
    from ciprov.settings.agents.model import AgentSettings

LOCAL = "local"
"""The name of the embedded cluster; no other cluster may have it."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Either `user` and `password` (HTTP Basic), or `token` (`Authorization: token=…`)."""

    user: str = ""
    password: Secret | None = None
    token: Secret | None = None


@dataclass(frozen=True, slots=True)
class Tls:
    """`verify` False trusts every certificate. `ca` is the authority's file where the system does not know it."""

    verify: bool = True
    ca: str = ""
    certificate: str = ""
    key: str = ""


def _no_agents() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster. `sources` tells for each key (`auth.user`) where its value came from.

    `marathon` and `mesos` are URLs of equal servers, with their path prefix; the embedded cluster has none here, as its
    addresses are known only once it runs. `store` is a URL (`sqlite:///…`, `zk://…`) without credentials, `timeout`
    seconds that an answer may take.
    """

    name: str
    marathon: tuple[str, ...] = ()
    mesos: tuple[str, ...] = ()
    role: str = ""
    prefix: str = "/ciprov"
    auth: Credentials = field(default_factory=Credentials)
    mesos_auth: Credentials = field(default_factory=Credentials)
    store_auth: Credentials = field(default_factory=Credentials)
    tls: Tls = field(default_factory=Tls)
    reap: Policy = field(default_factory=Policy)
    store: str = ""
    team: str = ""
    quotas: Quotas = field(default_factory=Quotas)
    service_address: str = ""
    service_ports: PortRange = field(default_factory=PortRange)
    timeout: float = 30.0
    sources: Mapping[str, str] = field(default_factory=dict)
    load_agents: Callable[[], AgentSettings | None] = field(default=_no_agents, repr=False, compare=False)

    @property
    def agents(self) -> AgentSettings | None:
        """The section `agents`, read when it is first asked for; None without one.

        Raises `SettingsError` with all that is wrong in it.
        """
        return self.load_agents()

    @property
    def is_embedded(self) -> bool:
        return self.name == LOCAL


@dataclass(frozen=True, slots=True)
class Settings:
    """`cluster` is the one chosen for this command and `chosen_by` tells why; `names` are all configured ones.

    `store_local`: a store of this machine alone will do for a cluster that others use too.
    """

    file: Path
    file_exists: bool
    state_dir: Path
    state_dir_source: str
    cluster: Cluster
    chosen_by: str
    names: tuple[str, ...]
    default_cluster: str = ""
    store_local: bool = False
