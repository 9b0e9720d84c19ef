"""What an environment shall be: a blueprint with parameters, kind, addresses and ports filled in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ciprov.environments.blueprint.findings import Finding
from ciprov.environments.blueprint.records import Blueprint
from ciprov.environments.service_ports import PortRange
from ciprov.foundation.json import JsonObject

ENV_LABEL = "CIPROV_ENV"
BLUEPRINT_LABEL = "CIPROV_BLUEPRINT"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a blueprint.

    `name` is the environment's slug and `group_path` its absolute group. `kind` None takes the blueprint's default, ""
    applies none. `parameters` are texts from the command line, `environment` the environment variables (a parameter
    `db-password` is read from `CIPROV_PARAM_DB_PASSWORD`). `blueprint_dir` is the absolute directory of the file.
    `recorded_ports` are the record's `service_ports`; `taken_ports` all service ports outside this environment.
    """

    name: str
    group_path: str
    service_address: str
    blueprint_dir: str = ""
    kind: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    recorded_ports: Mapping[str, int] = field(default_factory=dict)
    taken_ports: Collection[int] = ()
    port_range: PortRange = PortRange()


@dataclass(frozen=True, slots=True)
class Desired:
    """The environment as it shall be.

    `group` is the body for the group PUT: absolute ids, complete app definitions, `apps` and `groups` in every group
    (so that what is missing goes away), group dependencies kept. `apps` are the same app definitions by absolute id.
    `service_ports` maps `<app id relative to the group>/<port name or index>` to every service port, allocated or
    fixed. `routes` hold `name`, `app` (absolute), `port`, `path`, `service_port` and `url`; the first is the front.
    `timeout` is in seconds per app, `ttl` in seconds or None for never. `parameters` are the resolved values without
    secrets, `secret_fingerprints` salted hashes of those, `secret_values` the texts that no output may show.
    `findings` are warnings and notes, never errors.
    """

    name: str
    kind: str
    blueprint: str
    group_path: str
    group: JsonObject = field(repr=False)
    apps: Mapping[str, JsonObject] = field(repr=False)
    service_ports: Mapping[str, int]
    routes: tuple[JsonObject, ...]
    timeout: int
    ttl: int | None
    parameters: Mapping[str, object]
    secret_fingerprints: Mapping[str, str]
    secret_values: frozenset[str] = field(repr=False)
    findings: tuple[Finding, ...] = ()


def build(blueprint: Blueprint, request: Request) -> Desired:
    """Fill in `blueprint`. Raises `BlueprintError` with all findings, and `PortsExhausted`."""
    raise NotImplementedError


def check(blueprint: Blueprint) -> list[Finding]:
    """All findings of reading and of filling in every kind, with sample values where a parameter has no default."""
    raise NotImplementedError
