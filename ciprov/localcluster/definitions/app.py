"""App definitions in Marathon's normal form, as typed frozen records.

Field names are Marathon's in snake case; JSON uses the camel-case aliases. Absent fields take Marathon's defaults.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Definition(BaseModel):
    """Frozen, aliased in camel case; unknown fields are ignored as Marathon ignores them."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")


class PortDefinition(Definition):
    port: int = 0
    protocol: str = "tcp"
    name: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)


class PortMapping(Definition):
    container_port: int = 0
    host_port: int | None = None
    service_port: int = 0
    protocol: str = "tcp"
    name: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    network_names: tuple[str, ...] = ()


class Network(Definition):
    mode: str = "host"
    name: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)


class FetchUri(Definition):
    uri: str
    extract: bool = True
    executable: bool = False
    cache: bool = False
    dest_path: str | None = None


class CommandLine(Definition):
    value: str


class HealthCheck(Definition):
    protocol: str = "HTTP"
    path: str | None = None
    command: CommandLine | None = None
    port: int | None = None
    port_index: int | None = None
    grace_period_seconds: int = 300
    interval_seconds: int = 60
    timeout_seconds: int = 20
    max_consecutive_failures: int = 3
    delay_seconds: int = 15
    ignore_http1xx: bool = Field(default=False, alias="ignoreHttp1xx")
    ip_protocol: str = "IPv4"


class ReadinessCheck(Definition):
    name: str = "readinessCheck"
    protocol: str = "HTTP"
    path: str = "/"
    port_name: str = "http-api"
    interval_seconds: int = 30
    timeout_seconds: int = 10
    http_status_codes_for_ready: tuple[int, ...] = (200,)
    preserve_last_response: bool = False


class UpgradeStrategy(Definition):
    minimum_health_capacity: float = 1.0
    maximum_over_capacity: float = 1.0


class Docker(Definition):
    image: str
    force_pull_image: bool = False
    privileged: bool = False
    parameters: tuple[dict[str, str], ...] = ()
    pull_config: dict[str, Any] | None = None


class Container(Definition):
    type: str = "MESOS"
    docker: Docker | None = None
    volumes: tuple[dict[str, Any], ...] = ()
    port_mappings: tuple[PortMapping, ...] | None = None
    linux_info: dict[str, Any] | None = None


class VersionInfo(Definition):
    last_scaling_at: str = ""
    last_config_change_at: str = ""


class App(Definition):
    """One app. `id` and `dependencies` are absolute paths."""

    id: str
    version: str = ""
    version_info: VersionInfo = Field(default_factory=VersionInfo)
    cmd: str | None = None
    args: tuple[str, ...] = ()
    user: str | None = None
    env: dict[str, Any] = Field(default_factory=dict)
    secrets: dict[str, Any] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)
    instances: int = 1
    cpus: float = 1.0
    mem: float = 128.0
    disk: float = 0.0
    gpus: int = 0
    executor: str = ""
    role: str = "*"
    constraints: tuple[tuple[str, ...], ...] = ()
    accepted_resource_roles: tuple[str, ...] | None = None
    fetch: tuple[FetchUri, ...] = ()
    networks: tuple[Network, ...] = (Network(),)
    port_definitions: tuple[PortDefinition, ...] = ()
    require_ports: bool = False
    container: Container | None = None
    health_checks: tuple[HealthCheck, ...] = ()
    readiness_checks: tuple[ReadinessCheck, ...] = ()
    dependencies: tuple[str, ...] = ()
    backoff_seconds: float = 1.0
    backoff_factor: float = 1.15
    max_launch_delay_seconds: float = 300.0
    task_kill_grace_period_seconds: float | None = None
    kill_selection: str = "YOUNGEST_FIRST"
    upgrade_strategy: UpgradeStrategy = Field(default_factory=UpgradeStrategy)
    unreachable_strategy: dict[str, Any] | str = Field(default_factory=dict)
    residency: dict[str, Any] | None = None
    tty: bool | None = None
    executor_resources: dict[str, Any] | None = None
    resource_limits: dict[str, Any] | None = None
    check: dict[str, Any] | None = None

    @property
    def host_networking(self) -> bool:
        return all(network.mode == "host" for network in self.networks)

    @property
    def service_ports(self) -> tuple[int, ...]:
        """The service port of each port definition or mapping, in order; 0 is not assigned yet."""
        if self.container is not None and self.container.port_mappings:
            return tuple(mapping.service_port for mapping in self.container.port_mappings)
        return tuple(definition.port for definition in self.port_definitions)

    @property
    def resident(self) -> bool:
        """Whether it has local persistent volumes, which pin its instances to an agent."""
        return self.container is not None and any("persistent" in volume for volume in self.container.volumes)
