"""`ciprov env exec`."""

from __future__ import annotations

import sys

import click

from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.wiring import tasks as sandboxes


@click.command("exec", context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("app")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--task", metavar="ID", help="One task, by its id or the beginning of it; else the first that runs.")
@pass_invocation
@click.pass_context
def exec_(
    ctx: click.Context, invocation: Invocation, *, name: str, app: str, command: tuple[str, ...], task: str | None
) -> None:
    """Run COMMAND beside a running task of APP in environment NAME, in the task's sandbox.

    It has no input and no terminal; ciprov exits with its exit code.

    \b
    Examples:
      ciprov env exec feature-x api -- env
      ciprov env exec feature-x api -- sh -c 'ls -l && cat stdout'
    """
    environments = invocation.writing()
    found = sandboxes.tasks(environments, name, app, task)
    with sandboxes.execute(environments, sandboxes.one_running(found, name), command) as session:
        for stream, data in session:
            target = sys.stderr.buffer if stream == "stderr" else sys.stdout.buffer
            target.write(data)
            target.flush()
        code = session.exit_code()
    ctx.exit(code)
