"""What the agent service is told by the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from ciprov.agents.template import Rules
from ciprov.domain.mesos_scheduler import Framework
from ciprov.settings.document import SettingsError
from ciprov.settings.model import Credentials, Settings, Tls
from ciprov.settings.secret import Secret


@dataclass(frozen=True, slots=True)
class JenkinsAccess:
    """`token` is an API token of `user`, or the password; both empty for a Jenkins that asks for none."""

    url: str
    user: str = ""
    token: Secret | None = None
    tls: Tls = field(default_factory=Tls)


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the service listens for its agents' signals and for requests. Port 0: any that is free."""

    host: str = "127.0.0.1"
    port: int = 0

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """The section `agents` of a cluster.

    `rules` are without the values of secrets: `secrets.revealed` reads them. `framework` has no id yet. `open_metrics`:
    `listen` answers `/metrics`, to everybody. `address` is the URL under which agents reach `listen`, empty where that
    is `listen` itself. `api_token` is asked of whoever requests agents; without it nobody may. `masters` are those of
    Mesos without credentials, empty for the cluster's `mesos`: see `masters_address`.

    `sources` tells for each key (`jenkins.url`, `templates.maven.cpus`) where its value came from.
    """

    jenkins: JenkinsAccess
    rules: Rules
    framework: Framework
    listen: Listen = field(default_factory=Listen)
    open_metrics: bool = False
    address: str = ""
    api_token: Secret | None = None
    masters: str = ""
    masters_auth: Credentials = field(default_factory=Credentials)
    env_secrets: Mapping[str, Mapping[str, Secret]] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """What is allowed and yet probably not meant, a line each."""

    def masters_address(self, mesos: tuple[str, ...]) -> str:
        """What the scheduler's driver takes, with credentials. `mesos` are the cluster's masters.

        Raises `CiprovError` where a secret cannot be read.
        """
        if not self.masters:
            return ",".join(mesos)
        if not self.masters_auth.user or self.masters_auth.password is None:
            return self.masters
        user, password = quote(self.masters_auth.user, safe=""), quote(self.masters_auth.password.reveal(), safe="")
        scheme, _, rest = self.masters.partition("://")
        return f"{scheme}://{user}:{password}@{rest}"


def of_cluster(settings: Settings) -> AgentSettings:
    """Raises `SettingsError` where the chosen cluster has no agents, and where something is wrong with them."""
    agents = settings.cluster.agents
    if agents is None:
        missing = "" if settings.file_exists else "there is no such settings file, so "
        raise SettingsError(
            [f"{settings.file}: {missing}cluster {settings.cluster.name} has no section `agents`"],
            way_out="name its Jenkins and at least one template there: see docs/agents-settings.md",
        )
    return agents
