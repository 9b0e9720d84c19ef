"""The hooks of an environment that exists, from its record: no checkout is needed for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from ciprov.domain.environment import EnvironmentRecord
from ciprov.environments.blueprint.load import load
from ciprov.environments.blueprint.parameters import VARIABLE_PREFIX
from ciprov.environments.desired import Request, hooks_again
from ciprov.environments.hooks.records import Hook, Stage


@dataclass(frozen=True, slots=True)
class RecordedHooks:
    """`secrets` are the texts that no output may show, as far as they are at hand; `unknown` the parameters whose
    secrets are not.
    """

    hooks: tuple[Hook, ...] = ()
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    unknown: frozenset[str] = frozenset()


def recorded_hooks(
    record: EnvironmentRecord, stage: Stage, variables: Mapping[str, str], service_address: str
) -> RecordedHooks:
    """Those of `stage`. Secrets are taken from `variables`, everything else from the record.

    Raises `BlueprintError` where there are any and the recorded blueprint cannot be read any more.
    """
    blueprint, _ = load(record.blueprint_source, record.blueprint_file) if record.blueprint_source else (None, None)
    if blueprint is None or not any(entry.stage == stage for entry in blueprint.hooks):
        return RecordedHooks()
    request = Request(
        name=record.name,
        group_path=record.group_path,
        service_address=service_address,
        blueprint_dir=str(PurePosixPath(record.blueprint_file).parent),
        kind=record.kind,
        parameters={
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in record.parameters.items()
            if name in blueprint.parameters
        },
        environment={name: value for name, value in variables.items() if name.startswith(VARIABLE_PREFIX)},
        recorded_ports=record.service_ports,
    )
    hooks, values = hooks_again(blueprint, request)
    unknown = {name for name, parameter in blueprint.parameters.items() if parameter.is_secret} - values.secrets.keys()
    found = tuple(hook for hook in hooks if hook.stage is stage)
    return RecordedHooks(found, values.secret_values, frozenset(unknown))
