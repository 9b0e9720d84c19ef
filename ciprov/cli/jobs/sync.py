"""`ciprov jobs sync`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.cli.jobs.options import looked, missing_documents, paths_argument, server_options
from ciprov.cli.output import Result, emit, note, output_option, warn
from ciprov.foundation.errors import CHANGES, FAILED, OK

if TYPE_CHECKING:
    from ciprov.jobs.syncing import Done
    from ciprov.wiring.jobs import Jobs


@click.command()
@paths_argument
@server_options
@click.option("--prune", is_flag=True, help="Delete jobs of this set that no definition has any more.")
@click.option("--dry-run", is_flag=True, help="Only show what would be done; exit code 2 where that is anything.")
@output_option
@pass_invocation
@click.pass_context
def sync(ctx: click.Context, invocation: Invocation, /, paths: tuple[str, ...], output: str, **options: Any) -> None:
    """Create the jobs of definitions on a Jenkins, and update those that differ. Doing it twice writes nothing.

    Each job bears a mark at the end of its description. A job without it is refused before anything is written, unless
    --adopt says otherwise, and is never deleted. Whoever is interrupted repeats the command. Exit code 1 where a job
    failed; the others are done all the same.

    \b
    Examples:
      ciprov jobs sync --jenkins-url https://jenkins.example.org --dry-run
      ciprov --cluster staging jobs sync jobs/ --prune -o json
    """
    from ciprov.cli.jobs.plan_text import plan_text
    from ciprov.jobs.syncing import refuse

    found = looked(ctx, invocation, paths, options)
    note(f"jenkins: {found.target}")
    if options["dry_run"]:
        writes = Counter(step.action.value for step in found.plan.writes)
        variables = {f"CIPROV_JOBS_TO_{action.upper()}": str(count) for action, count in writes.items()}
        emit(Result(_document(found, {}, dry_run=True), plan_text(found.plan, with_lines=False), variables), output)
        refuse(found.plan)
        ctx.exit(CHANGES if found.plan.writes else OK)
    done = found.sync(lambda one: warn(str(one)) if one.is_bad else note(str(one)))
    counts = Counter(one.outcome.value for one in done)
    text = ", ".join(f"{count} {outcome}" for outcome, count in counts.items()) or "no jobs"
    left = [one.name for one in done if one.outcome.value == "left"]
    if left and not found.rules.prune:
        warn(f"no definition has {', '.join(left)} any more: --prune deletes them")
    variables = {f"CIPROV_JOBS_{outcome.upper()}": str(count) for outcome, count in counts.items()}
    emit(Result(_document(found, {one.name: one for one in done}, dry_run=False), text, variables), output)
    ctx.exit(FAILED if any(one.is_bad for one in done) else OK)


def _document(found: Jobs, done: Mapping[str, Done], *, dry_run: bool) -> dict[str, Any]:
    jobs = [
        {
            "job": step.name,
            "action": step.action.value,
            "outcome": done[step.name].outcome.value if step.name in done else None,
            "reason": done[step.name].reason if step.name in done else step.reason,
        }
        for step in found.plan.steps
    ]
    return {
        "jenkins": found.target,
        "set": found.rules.mark.set,
        "dry_run": dry_run,
        "jobs": jobs,
        "counts": dict(Counter(one.outcome.value for one in done.values())),
        "missing_plugins": missing_documents(found.plan.missing),
    }
