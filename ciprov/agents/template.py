"""Templates: what an agent is made like. One template for each kind of agent; Jenkins knows it by its labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from ciprov.agents.queue.demand import TemplateLabels
from ciprov.agents.queue.labels import canonical, parse
from ciprov.foundation.errors import CiprovError
from ciprov.framework.offers import UNRESERVED
from ciprov.framework.requests import Algorithm, Constraint, Wanted


class ContainerKind(StrEnum):
    """NONE: a plain process under the Mesos agent."""

    NONE = "none"
    DOCKER = "docker"
    MESOS = "mesos"


class NetworkMode(StrEnum):
    HOST = "host"
    BRIDGE = "bridge"
    CONTAINER = "container"
    NONE = "none"


class VolumeMode(StrEnum):
    RW = "RW"
    RO = "RO"


@dataclass(frozen=True, slots=True)
class PortMapping:
    """`host_port` 0: any that Mesos offers."""

    container_port: int
    host_port: int = 0
    protocol: str = "tcp"


@dataclass(frozen=True, slots=True)
class Network:
    """`name` of a Docker or CNI network, for mode CONTAINER."""

    mode: NetworkMode = NetworkMode.HOST
    name: str = ""
    port_mappings: tuple[PortMapping, ...] = ()


@dataclass(frozen=True, slots=True)
class Volume:
    """A directory of the host at `host_path`, or a volume named `name` of a Docker volume `driver`, with its `options`.

    `cache`: the directory is `host_path/KEY`, one for each job (`by_job`) or one for the template, and stays on its
    host.
    """

    container_path: str
    host_path: str = ""
    mode: VolumeMode = VolumeMode.RW
    name: str = ""
    driver: str = ""
    options: tuple[tuple[str, str], ...] = ()
    cache: bool = False
    by_job: bool = False


@dataclass(frozen=True, slots=True)
class Container:
    """`parameters` are options of `docker run`, as `(key, value)`."""

    kind: ContainerKind = ContainerKind.NONE
    image: str = ""
    network: Network = field(default_factory=Network)
    volumes: tuple[Volume, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    privileged: bool = False
    force_pull: bool = False


@dataclass(frozen=True, slots=True)
class FetchUri:
    """What the Mesos agent brings into the sandbox first."""

    uri: str
    cache: bool = False
    extract: bool = True
    executable: bool = False
    output_file: str = ""


@dataclass(frozen=True, slots=True)
class SecretText:
    """A value that is shown nowhere: of an agent it becomes a Mesos SECRET. `origin` says for people where it stands.

    `value` is None until it is read. `fingerprint` tells two values apart and gives none away.
    """

    origin: str
    value: str | None = field(default=None, repr=False)
    fingerprint: str = field(default="", repr=False)

    def reveal(self) -> str:
        if self.value is None:
            raise CiprovError(f"a secret {self.origin} was not read", way_out="Read the settings with their secrets.")
        return self.value

    def __str__(self) -> str:
        return "(hidden)"


@dataclass(frozen=True, slots=True)
class Start:
    """How the agent is started on its host.

    `java` is the program, `jvm_options` stand before `-jar`, `arguments` after all others. `work_dir` is empty for one
    in the sandbox, which goes with the task. `jar_cache` is a directory of the host that stays, empty for none;
    `class_data` a class-data archive, used where it exists. `reconnect_s`: so long an agent that lost Jenkins tries to
    come back; 0: it ends at once. The values of `secret_env` are known to the service alone.

    `cached_agent_jar`: the Mesos agent keeps agent.jar in its fetcher's cache. Not by default: for that Mesos asks for
    the size of the file by a library of its own, and a Mesos built without it ends there.
    """

    java: str = "java"
    jvm_options: tuple[str, ...] = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
    arguments: tuple[str, ...] = ()
    cached_agent_jar: bool = False
    web_socket: bool = True
    work_dir: str = ""
    jar_cache: str = "/var/tmp/ciprov-jar-cache"  # noqa: S108 - meant to outlive the task, and made private by it
    class_data: str = ""
    reconnect_s: float = 300.0
    user: str = ""
    env: tuple[tuple[str, str], ...] = ()
    secret_env: tuple[tuple[str, SecretText], ...] = ()
    uris: tuple[FetchUri, ...] = ()


@dataclass(frozen=True, slots=True)
class Warm:
    """At least `count` idle agents in the hours that `schedule` names (empty: always); see `schedules`."""

    count: int
    schedule: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """`most` agents of the template at once (0: no limit). `warm`: idle ones that are kept ready.

    `idle_s`: an agent without a build ends after so long. `online_s`: from its launch to its connection; well above the
    16 s that a WebSocket may stall. `grace_s`: so long an agent that is to end may take before it is killed.
    `unreachable_s`: how long a build on a lost host is waited for. After `attempts`
    failures of one kind in a row the template pauses for `pause_s`; between them it waits `retry_s`, doubled each time.
    """

    most: int = 0
    warm: tuple[Warm, ...] = ()
    idle_s: float = 60.0
    online_s: float = 120.0
    grace_s: float = 5.0
    unreachable_s: float = 600.0
    attempts: int = 3
    retry_s: float = 1.0
    pause_s: float = 1800.0


@dataclass(frozen=True, slots=True)
class Template:
    """`labels` are those of its nodes. `expressions`: what asks for exactly this is given to this template first.

    `unique_prefix`: who asks for a label that begins so gets an agent of its own. `expected_s`: how long a build is
    expected to take at most, for agents with a planned maintenance.
    """

    name: str
    labels: tuple[str, ...]
    wanted: Wanted
    expressions: tuple[str, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    roles: tuple[str, ...] = (UNRESERVED,)
    priority: int = 0
    weight: float = 1.0
    algorithm: Algorithm = Algorithm.STICKY
    exclusive: bool = True
    unique_prefix: str = ""
    expected_s: float | None = None
    container: Container = field(default_factory=Container)
    start: Start = field(default_factory=Start)
    limits: Limits = field(default_factory=Limits)

    @property
    def for_demand(self) -> TemplateLabels:
        """Raises `LabelError` for an expression that cannot be understood."""
        expressions = frozenset(canonical(parse(text)) for text in self.expressions)
        return TemplateLabels(self.name, frozenset(self.labels), self.exclusive, self.unique_prefix, expressions)


@dataclass(frozen=True, slots=True)
class ServiceRules:
    """What holds for all templates.

    `name` marks the nodes and is the framework's. `most` agents in all (0: no limit). `anchors`: nodes that stay
    offline make Jenkins tell the labels of pipelines. `lead_s` and `patience_s` as in `demand.Policy`.
    """

    name: str = "ciprov"
    most: int = 0
    lead_s: float = 5.0
    patience_s: float = 15.0
    anchors: bool = True


@dataclass(frozen=True, slots=True)
class Rules:
    """All that the service is to do, as the settings say. Names of templates are unique; the earlier one goes first."""

    service: ServiceRules = field(default_factory=ServiceRules)
    templates: tuple[Template, ...] = ()

    def template(self, name: str) -> Template | None:
        return next((each for each in self.templates if each.name == name), None)
