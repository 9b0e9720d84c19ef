"""`ciprov env plan`."""

from __future__ import annotations

from typing import Any

import click

from ciprov.cli.env.request import prepared, request_options, tell_findings
from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.cli.output import Result, emit, output_option
from ciprov.environments.plan import Plan
from ciprov.foundation.errors import CHANGES, FAILED, OK


@click.command()
@request_options
@output_option
@pass_invocation
@click.pass_context
def plan(ctx: click.Context, invocation: Invocation, /, name: str, output: str, **options: Any) -> None:
    """Show what `up` would do to environment NAME, app by app, with reasons. Writes nothing.

    \b
    Exit codes: 0 no change, 2 changes, 1 it cannot work (such as a port that is taken).

    \b
    Examples:
      ciprov env plan feature-x --blueprint environments/courseware.yaml --kind staging
      ciprov env plan feature-x --param revision=2 -o json
    """
    slug, made = prepared(invocation.records, name, options)
    tell_findings(made.findings)
    environments = invocation.environments
    found = environments.service.plan(slug, made.on(environments.cluster))
    emit(plan_result(found, environments.cluster.name), output)
    ctx.exit(exit_code(found))


def plan_result(found: Plan, cluster: str) -> Result:
    return Result(
        document={"cluster": cluster, **found.to_json()},
        text=str(found),
        variables={
            "CIPROV_CLUSTER_NAME": cluster,
            "CIPROV_ENV_NAME": found.environment,
            "CIPROV_PLAN_CHANGES": "true" if found.changes else "false",
            "CIPROV_PLAN_CONFLICTS": str(len(found.conflicts)),
        },
    )


def exit_code(found: Plan) -> int:
    if found.conflicts:
        return FAILED
    return CHANGES if found.changes else OK
