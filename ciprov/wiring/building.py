"""From a blueprint and what a command says to the desired environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ciprov.domain.environment import EnvironmentRecord, RecordChanged
from ciprov.environments import desired
from ciprov.environments.blueprint.findings import Finding, Severity, in_order, refuse_errors
from ciprov.environments.blueprint.load import load
from ciprov.environments.blueprint.parameters import variable
from ciprov.environments.blueprint.records import Blueprint
from ciprov.environments.results import Origin
from ciprov.environments.service import Build
from ciprov.foundation.errors import CiprovError, UsageError
from ciprov.settings.model import Cluster
from ciprov.wiring.environments import Records, need_service_address, owner


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command says of an environment.

    `name` is its slug, `given` what the user called it. `blueprint_file` None takes the recorded blueprint, and then
    also its kind, parameters and time to live where none are given. `parameters` are as given: `@file` reads the value
    from a file. `environment` are the environment's variables. `timeout` and `ttl` in seconds override the blueprint's.
    `owner` and `team` are whose it is; empty: as recorded, else the user and the team of the settings.
    """

    name: str
    given: str
    blueprint_file: str | None = None
    kind: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: int | None = None
    ttl: int | None = None
    owner: str = ""
    team: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A blueprint that was read, filled in on trial and found good. `findings` are warnings and notes on it.

    `recorded` is the record whose blueprint was taken, where it is the environment's own.
    """

    asked: Asked
    blueprint: Blueprint
    request: desired.Request
    origin: Origin
    findings: Sequence[Finding]
    recorded: EnvironmentRecord | None = None

    def on(self, cluster: Cluster) -> Build:
        """The build for `cluster`, whose addresses are known by now.

        It raises `RecordChanged` where the environment was made of something else since it was prepared: going on would
        undo that.
        """

        def build(current: EnvironmentRecord | None, taken: frozenset[int]) -> desired.Desired:
            if self.recorded is not None and current is not None and _made_of(current) != _made_of(self.recorded):
                raise RecordChanged(
                    f"environment {self.asked.name} was brought up otherwise while this command waited",
                    way_out="look at it and repeat the command",
                )
            request = replace(
                self.request,
                service_address=cluster.service_address,
                recorded_ports=current.service_ports if current else {},
                taken_ports=taken,
            )
            made = desired.build(self.blueprint, request)
            need_service_address(cluster, made.service_ports)
            return replace(
                made,
                timeout=made.timeout if self.asked.timeout is None else self.asked.timeout,
                ttl=self._ttl(made.ttl, current),
                team=self.asked.team or (current.team if current else cluster.team),
            )

        return build

    def _ttl(self, meant: int | None, current: EnvironmentRecord | None) -> int | None:
        """Who repeats the recorded blueprint and kind means the recorded time to live as well, in seconds."""
        if self.asked.ttl is not None:
            return self.asked.ttl or None
        if self.recorded is not None and current is not None and current.kind == self.request.kind:
            return current.ttl_seconds
        return meant


def prepare(records: Records, asked: Asked, record: EnvironmentRecord | None) -> Prepared:
    """Read the blueprint and fill it in on trial, before any cluster is asked or started.

    Raises `BlueprintError` or `UsageError`.
    """
    file, source = _source(asked, record)
    blueprint, findings = load(source, file)
    refuse_errors(findings)
    given, secrets = _values(asked, blueprint)
    kind = asked.kind
    if asked.blueprint_file is None and record is not None:
        kind = record.kind if kind is None else kind
        recorded = {name: as_given(value) for name, value in record.parameters.items() if name in blueprint.parameters}
        given = recorded | given
    request = desired.Request(
        name=asked.name,
        group_path=records.group_path(asked.name),
        service_address=records.cluster.service_address or "service-address",
        blueprint_dir=str(Path(file).absolute().parent),
        kind=kind,
        parameters=given,
        environment={**asked.environment, **secrets},
        recorded_ports=record.service_ports if record else {},
        port_range=records.cluster.service_ports,
        role=records.cluster.role,
    )
    trial = desired.build(blueprint, request)
    origin = Origin(str(Path(file).absolute()), source, asked.owner, asked.given, user=owner())
    own = asked.blueprint_file is None and record is not None and record.name == asked.name
    changed = _back_to_defaults(trial, request, record if record and record.name == asked.name else None)
    return Prepared(asked, blueprint, request, origin, (*trial.findings, *changed), record if own else None)


def _back_to_defaults(
    trial: desired.Desired, request: desired.Request, record: EnvironmentRecord | None
) -> list[Finding]:
    """Secrets are never recorded: one that was given to the last `up` and not to this one becomes its default again."""
    before = record.secret_fingerprints if record is not None else {}
    return [
        Finding(
            "--param",
            0,
            0,
            name,
            f"the secret {name} is not given, so it goes back to its default, which is not what the last `up` had",
            way_out=f"give --param {name}=@FILE or set {variable(name)}",
            severity=Severity.WARNING,
        )
        for name, mark in trial.secret_fingerprints.items()
        if name in before and before[name] != mark and variable(name) not in request.environment
    ]


def again(
    records: Records, record: EnvironmentRecord, parameters: Mapping[str, str], environment: Mapping[str, str]
) -> Prepared:
    """What the last `up` of an environment was making, from its record alone; secrets come from what is given.

    Raises `BlueprintError`, or `UsageError` where a secret is not given or the blueprint is not known.
    """
    timeout = (record.operation.settings if record.operation else {}).get("timeout")
    asked = Asked(
        name=record.name,
        given=record.given_name or record.name,
        kind=record.kind,
        parameters=parameters,
        environment=environment,
        timeout=timeout if isinstance(timeout, int) else None,
        ttl=record.ttl_seconds or 0,
    )
    return prepare(records, asked, record)


def check(file: str) -> list[Finding]:
    """All findings on a blueprint. Raises `CiprovError` where the file cannot be read."""
    blueprint, findings = load(_read(file), file)
    return in_order([*findings, *desired.check(blueprint)])


def _made_of(record: EnvironmentRecord) -> tuple[str, str, Mapping[str, object]]:
    return record.blueprint_source, record.kind, record.parameters


def _source(asked: Asked, record: EnvironmentRecord | None) -> tuple[str, str]:
    """The blueprint's file, as findings name it, and its text."""
    if asked.blueprint_file is not None:
        return asked.blueprint_file, _read(asked.blueprint_file)
    if record is None:
        raise UsageError(
            f"environment {asked.name} does not exist yet, so its blueprint must be named",
            way_out=f"ciprov env up {asked.given} --blueprint FILE",
        )
    if not record.blueprint_source:
        raise UsageError(
            f"environment {asked.name} was adopted from what runs, so its blueprint is not known and must be named",
            way_out=f"ciprov env up {asked.given} --blueprint FILE, with --kind and --param as it was made",
        )
    return record.blueprint_file, record.blueprint_source


def _values(asked: Asked, blueprint: Blueprint) -> tuple[dict[str, str], dict[str, str]]:
    """Plain values by parameter, and secrets by the variable that they are taken from."""
    given: dict[str, str] = {}
    secrets: dict[str, str] = {}
    for name, value in asked.parameters.items():
        parameter = blueprint.parameters.get(name)
        is_secret = parameter is not None and parameter.is_secret
        inline = value.startswith("@@") or not value.startswith("@")
        if is_secret and inline:
            raise UsageError(
                f"the secret {name} stands on the command line, where everybody on this machine can read it",
                place="--param",
                way_out=f"use --param {name}=@FILE or the variable {variable(name)}",
            )
        if inline:
            text = value[1:] if value.startswith("@@") else value
        else:
            text = _read(value[1:], "correct the path; a value that begins with @ is given with @@").rstrip("\r\n")
        if is_secret:
            secrets[variable(name)] = text
        else:
            given[name] = text
    return given, secrets


def _read(file: str, way_out: str = "correct the path") -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        good = error.object[: error.start].decode().splitlines() or [""]
        ended = error.object[: error.start].endswith((b"\n", b"\r"))
        line, column = (len(good) + 1, 1) if ended else (len(good), len(good[-1]) + 1)
        place = f"{file}:{line}:{column}"
        raise CiprovError("the file is no UTF-8 text", place=place, way_out="save it as UTF-8") from error
    except OSError as error:
        raise CiprovError(f"the file cannot be read: {error.strerror}", place=file, way_out=way_out) from error


def as_given(value: object) -> str:
    """A recorded value as it would be given on the command line."""
    return str(value).lower() if isinstance(value, bool) else str(value)
