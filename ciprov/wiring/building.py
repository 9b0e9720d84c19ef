"""From a blueprint and what a command says to the desired environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ciprov.domain.environment import EnvironmentRecord
from ciprov.environments import desired
from ciprov.environments.blueprint.findings import Finding, in_order, refuse_errors
from ciprov.environments.blueprint.load import load
from ciprov.environments.blueprint.parameters import variable
from ciprov.environments.blueprint.records import Blueprint
from ciprov.environments.results import Origin
from ciprov.environments.service import Build
from ciprov.foundation.errors import CiprovError, UsageError
from ciprov.wiring.environments import Environments, need_service_address, owner


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command says of an environment.

    `name` is its slug, `given` what the user called it. `blueprint_file` None takes the recorded blueprint, and then
    also its kind and parameters where none are given. `parameters` are as given: `@file` reads the value from a file.
    `environment` are the environment's variables. `timeout` and `ttl` in seconds override the blueprint's.
    """

    name: str
    given: str
    blueprint_file: str | None = None
    kind: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: int | None = None
    ttl: int | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """`findings` are warnings and notes on the blueprint: those of reading, and all of them once `build` was called."""

    build: Build
    origin: Origin
    findings: list[Finding]


def prepare(environments: Environments, asked: Asked, record: EnvironmentRecord | None) -> Prepared:
    """Read and check the blueprint. Raises `BlueprintError` or `UsageError`; nothing is written."""
    file, source = _source(asked, record)
    blueprint, findings = load(source, file)
    refuse_errors(findings)
    given, secrets = _values(asked, blueprint)
    recorded = asked.blueprint_file is None and record is not None
    if recorded and record is not None:
        given = {
            name: _text(value) for name, value in record.parameters.items() if name in blueprint.parameters
        } | given
    kind = record.kind if recorded and record is not None and asked.kind is None else asked.kind
    directory = str(Path(file).absolute().parent)

    def build(current: EnvironmentRecord | None, taken: frozenset[int]) -> desired.Desired:
        request = desired.Request(
            name=asked.name,
            group_path=environments.group_path(asked.name),
            service_address=environments.cluster.service_address,
            blueprint_dir=directory,
            kind=kind,
            parameters=given,
            environment={**asked.environment, **secrets},
            recorded_ports=current.service_ports if current else {},
            taken_ports=taken,
            port_range=environments.cluster.service_ports,
        )
        made = desired.build(blueprint, request)
        need_service_address(environments.cluster, made.service_ports)
        findings[:] = made.findings
        return replace(
            made,
            timeout=made.timeout if asked.timeout is None else asked.timeout,
            ttl=made.ttl if asked.ttl is None else asked.ttl or None,
        )

    origin = Origin(str(Path(file).absolute()), source, owner(), asked.given)
    return Prepared(build, origin, findings)


def check(file: str) -> list[Finding]:
    """All findings on a blueprint. Raises `CiprovError` where the file cannot be read."""
    blueprint, findings = load(_read(file), file)
    return in_order([*findings, *desired.check(blueprint)])


def _source(asked: Asked, record: EnvironmentRecord | None) -> tuple[str, str]:
    """The blueprint's file, as findings name it, and its text."""
    if asked.blueprint_file is not None:
        return asked.blueprint_file, _read(asked.blueprint_file)
    if record is None:
        raise UsageError(
            f"environment {asked.name} does not exist yet, so its blueprint must be named",
            way_out=f"ciprov env up {asked.given} --blueprint FILE",
        )
    return record.blueprint_file, record.blueprint_source


def _values(asked: Asked, blueprint: Blueprint) -> tuple[dict[str, str], dict[str, str]]:
    """Plain values by parameter, and secrets by the variable that they are taken from."""
    given: dict[str, str] = {}
    secrets: dict[str, str] = {}
    for name, value in asked.parameters.items():
        parameter = blueprint.parameters.get(name)
        is_secret = parameter is not None and parameter.is_secret
        if is_secret and not value.startswith("@"):
            raise UsageError(
                f"the secret {name} stands on the command line, where everybody on this machine can read it",
                place="--param",
                way_out=f"use --param {name}=@FILE or the variable {variable(name)}",
            )
        text = value
        if value.startswith("@@"):
            text = value[1:]
        elif value.startswith("@"):
            text = _read(value[1:]).rstrip("\r\n")
        if is_secret:
            secrets[variable(name)] = text
        else:
            given[name] = text
    return given, secrets


def _read(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CiprovError("the file is no UTF-8 text", place=file, way_out="save it as UTF-8") from error
    except OSError as error:
        raise CiprovError(
            f"the file cannot be read: {error.strerror}", place=file, way_out="correct the path"
        ) from error


def _text(value: object) -> str:
    """A recorded value as it would be given on the command line."""
    return str(value).lower() if isinstance(value, bool) else str(value)
