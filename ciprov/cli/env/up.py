"""`ciprov env up`."""

from __future__ import annotations

from typing import Any

import click

from ciprov.cli.env.documents import endpoint_document, endpoint_lines, environment_variables
from ciprov.cli.env.plan import exit_code, plan_result
from ciprov.cli.env.request import lock_wait_option, prepared, request_options, tell_findings
from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.cli.output import Result, emit, output_option
from ciprov.cli.progress import shown
from ciprov.environments.results import OnFailure, UpFailed, UpOptions, UpResult

_WORDS = {
    "unchanged": "is as it should be; nothing was written",
    "ready": "is ready",
    "started": "was started; nobody waited for it",
}


@click.command()
@request_options
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until every app is healthy.")
@click.option(
    "--on-failure",
    type=click.Choice([choice.value for choice in OnFailure]),
    default=OnFailure.ROLLBACK.value,
    show_default=True,
    help="Where an app does not become healthy: bring back what was there before, or keep what there is.",
)
@lock_wait_option
@click.option("--dry-run", is_flag=True, help="Only show the plan, as `plan` does.")
@output_option
@pass_invocation
@click.pass_context
def up(ctx: click.Context, invocation: Invocation, /, name: str, **options: Any) -> None:
    """Make environment NAME from a blueprint, or change it, and wait until it serves. Doing it twice changes nothing.

    What the command does not say comes from the blueprint. Without --blueprint the recorded blueprint is used, with
    the recorded kind and parameters; secrets are never recorded and must be given each time.

    \b
    Examples:
      ciprov env up feature-x --blueprint environments/courseware.yaml
      ciprov env up feature/ABC-12_x -b shop.yaml --kind staging --param tag=1.4 --param db_password=@secret.txt
      ciprov env up feature-x --param revision=2 --on-failure keep
      ciprov env up feature-x -b shop.yaml -o dotenv > environment.properties
    """
    output = options["output"]
    slug, made = prepared(invocation.records, name, options)
    tell_findings(made)
    environments = invocation.environments if options["dry_run"] else invocation.writing()
    build = made.on(environments.cluster)
    if options["dry_run"]:
        found = environments.service.plan(slug, build)
        emit(plan_result(found, environments.cluster.name), output)
        ctx.exit(exit_code(found))
    how = UpOptions(
        origin=made.origin,
        wait=options["wait"],
        on_failure=OnFailure(options["on_failure"]),
        lock_wait_seconds=float(options["lock_wait"]),
    )
    try:
        with shown() as report:
            result = environments.service.up(slug, build, how, report)
    except UpFailed as error:
        if output in {"json", "yaml"}:
            emit(_failure(error, slug, environments.cluster.name), output)
        raise
    emit(_result(result, environments.cluster.name), output)


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
    }
    lines = [f"environment {record.name} {_WORDS[result.outcome]}", *endpoint_lines(result.endpoints)]
    if result.front_url:
        lines += ["", result.front_url]
    return Result(document, "\n".join(lines), environment_variables(record, result.front_url, result.endpoints))


def _failure(error: UpFailed, name: str, cluster: str) -> Result:
    document = {
        "cluster": cluster,
        "environment": name,
        "outcome": "failed",
        "rolled_back": error.rolled_back,
        "error": error.message,
        "diagnoses": [diagnosis.to_json() for diagnosis in error.diagnoses],
    }
    return Result(document, "")
