"""From one recorded environment to another that is made alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ciprov.domain.environment import EnvironmentRecord, Phase
from ciprov.environments import desired
from ciprov.environments.blueprint.load import load
from ciprov.environments.blueprint.secrecy import fingerprint
from ciprov.foundation.errors import UsageError
from ciprov.wiring.building import Asked, Prepared, as_given, prepare
from ciprov.wiring.environments import Records


def prepare_copy(records: Records, source: EnvironmentRecord, asked: Asked) -> Prepared:
    """`asked` names the copy and what shall differ; all else is as it was recorded for `source`.

    Raises `UsageError` where the blueprint of `source` is not known, and what `prepare` raises.
    """
    if not source.blueprint_source:
        raise UsageError(
            f"environment {source.name} was adopted from what runs, so its blueprint is not known",
            way_out=f"ciprov env up {source.name} --blueprint FILE, with --kind and --param as it was made",
        )
    template = replace(source, parameters=_pinned(source, asked), service_ports={})
    return prepare(records, asked, template)


def existing_source(records: Records, given: str) -> EnvironmentRecord:
    """Raises `UsageError` where there is no such environment."""
    name, record = records.named(given)
    if record is None:
        raise UsageError(
            f"there is no environment {name} to copy",
            place=records.cluster.name,
            way_out="`ciprov env list` shows those that are there",
        )
    return record


def doubts(source: EnvironmentRecord, made: Prepared) -> Sequence[str]:
    """What may make the copy differ from what runs in `source`."""
    found = []
    if source.operation is not None or source.phase not in (Phase.READY, Phase.ASLEEP):
        found.append(f"environment {source.name} is {source.phase}: what is copied is what it was to be")
    return (*found, *_other_secrets(source, made))


def _pinned(source: EnvironmentRecord, asked: Asked) -> dict[str, object]:
    """The parameters of `source`, save for defaults that came from its name: the copy has another."""
    file = source.blueprint_file
    blueprint, _ = load(source.blueprint_source, file)
    recorded = {name: value for name, value in source.parameters.items() if name in blueprint.parameters}
    given = {name: as_given(value) for name, value in recorded.items()}

    def default(parameter: str, environment: str) -> object:
        others = {name: text for name, text in given.items() if name != parameter}
        group = source.group_path.rpartition("/")[0]
        request = desired.Request(environment, f"{group}/{environment}", "", str(Path(file).parent), parameters=others)
        return desired.resolved(blueprint, request).public.get(parameter)

    def is_own(parameter: str) -> bool:
        own = default(parameter, source.name)
        return own == recorded[parameter] and own != default(parameter, asked.name)

    return {name: value for name, value in recorded.items() if not is_own(name)}


def _other_secrets(source: EnvironmentRecord, made: Prepared) -> Sequence[str]:
    secrets = desired.resolved(made.blueprint, made.request).secrets
    return [
        f"the secret {name} is not the one that {source.name} was made with"
        for name, known in sorted(source.secret_fingerprints.items())
        if name in secrets and fingerprint(secrets[name], f"{source.group_path}/{name}") != known
    ]
