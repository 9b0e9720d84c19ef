"""What `up`, `clone` and `promote` share: making an environment of what was prepared, and telling how it went."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from ciprov.cli.env.documents import endpoint_document, endpoint_lines
from ciprov.cli.env.plan import exit_code, plan_result
from ciprov.cli.env.request import lock_wait_option, tell_findings
from ciprov.cli.invocation import Invocation
from ciprov.cli.output import Result, emit, output_option
from ciprov.cli.progress import shown
from ciprov.environments.deed import OWN_NAME, Deed
from ciprov.environments.diagnosis import Diagnosis
from ciprov.environments.diagnosis.kinds import Kind
from ciprov.environments.diagnosis.report import diagnoses_of
from ciprov.environments.hooks.records import HookChoice
from ciprov.environments.results import OnFailure, UpFailed, UpOptions, UpResult
from ciprov.environments.variables import environment_variables
from ciprov.foundation.errors import CiprovError
from ciprov.wiring.building import Prepared

Command = TypeVar("Command", bound=Callable[..., Any])
Prepare = Callable[[], tuple[str, Prepared]]
"""The slug of an environment and what it shall be. Nothing was started for it."""

_WORDS = {
    "unchanged": "is as it should be; nothing was written",
    "ready": "is ready",
    "started": "was started; nobody waited for it",
}


def making_options(command: Command) -> Command:
    options = [
        click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until every app is healthy."),
        click.option(
            "--on-failure",
            type=click.Choice([choice.value for choice in OnFailure]),
            default=OnFailure.ROLLBACK.value,
            show_default=True,
            help="Where an app does not become healthy: bring back what was there before, or keep what there is.",
        ),
        click.option("--skip-hooks", is_flag=True, help="Run none of the blueprint's hooks."),
        click.option("--smoke", is_flag=True, help="Run the blueprint's smoke hooks even where nothing changes."),
        lock_wait_option,
        click.option("--dry-run", is_flag=True, help="Only show the plan, as `plan` does."),
        output_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


def make(
    ctx: click.Context,
    invocation: Invocation,
    name: str,
    prepare: Prepare,
    options: Mapping[str, Any],
    deed: Deed = OWN_NAME,
) -> None:
    """`options` are those of `making_options`; `deed` is what the history calls it."""
    output, records = options["output"], invocation.records
    if options["dry_run"]:
        slug, made = prepare()
        tell_findings(made.findings)
        environments = invocation.environments
        found = environments.service.plan(slug, made.on(environments.cluster), hook_choice(options))
        emit(plan_result(found, environments.cluster.name), output)
        ctx.exit(exit_code(found))
    try:
        with records.refusals_noted(deed.name or "up", name):
            result = _bring_up(invocation, prepare, options, deed)
    except CiprovError as error:
        diagnoses = diagnoses_of(error, records.group_path(records.named(name)[0]))
        if output in {"json", "yaml"} and diagnoses[0].kind is not Kind.UNKNOWN:
            emit(_failure(error, diagnoses, records.named(name)[0], records.cluster.name), output)
        raise
    emit(_result(result, records.cluster.name), output)


def _bring_up(invocation: Invocation, prepare: Prepare, options: Mapping[str, Any], deed: Deed) -> UpResult:
    slug, made = prepare()
    tell_findings(made.findings)
    environments = invocation.writing()
    how = UpOptions(
        origin=made.origin,
        wait=options["wait"],
        on_failure=OnFailure(options["on_failure"]),
        lock_wait_seconds=float(options["lock_wait"]),
        hooks=hook_choice(options),
        deed=deed,
    )
    with shown() as report:
        return environments.service.up(slug, made.on(environments.cluster), how, report)


def hook_choice(options: Mapping[str, Any]) -> HookChoice:
    return HookChoice(skip=options["skip_hooks"], smoke=options["smoke"])


def _result(result: UpResult, cluster: str) -> Result:
    record = result.record
    document = {
        "cluster": cluster,
        "environment": record.name,
        "group": record.group_path,
        "blueprint": record.blueprint,
        "kind": record.kind,
        "outcome": result.outcome,
        "url": result.front_url,
        "endpoints": [endpoint_document(endpoint) for endpoint in result.endpoints],
        "plan": result.plan.to_json(),
        "hooks": list(result.hooks),
    }
    lines = [f"environment {record.name} {_WORDS[result.outcome]}", *endpoint_lines(result.endpoints)]
    if result.front_url:
        lines += ["", result.front_url]
    return Result(document, "\n".join(lines), environment_variables(record, result.front_url, result.endpoints))


def _failure(error: CiprovError, diagnoses: Sequence[Diagnosis], name: str, cluster: str) -> Result:
    """`refused`: nothing was begun."""
    failed = isinstance(error, UpFailed)
    document = {
        "cluster": cluster,
        "environment": name,
        "outcome": "failed" if failed else "refused",
        "rolled_back": isinstance(error, UpFailed) and error.rolled_back,
        "error": error.message,
        "diagnoses": [diagnosis.to_json() for diagnosis in diagnoses],
    }
    return Result(document, "")
