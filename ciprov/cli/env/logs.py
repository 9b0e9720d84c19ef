"""`ciprov env logs`."""

from __future__ import annotations

import sys
from typing import Any

import click

from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.cli.output import Result, emit, output_option, warn
from ciprov.foundation.errors import CiprovError, UsageError
from ciprov.wiring import tasks as sandboxes


@click.command()
@click.argument("name")
@click.argument("app", required=False)
@click.option("--stderr", "file", flag_value="stderr", help="What the tasks wrote to stderr, not stdout.")
@click.option("-f", "--follow", is_flag=True, help="Go on until the task ends or Ctrl-C.")
@click.option("-n", "--lines", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many.")
@click.option("--task", metavar="ID", help="One task, by its id or the beginning of it.")
@output_option
@pass_invocation
def logs(invocation: Invocation, /, name: str, app: str | None, output: str, **options: Any) -> None:
    """Show what the tasks of APP in environment NAME wrote; without APP, those of all apps.

    Where no task of an app runs, it is the one that failed last.

    \b
    Examples:
      ciprov env logs feature-x api
      ciprov env logs feature-x api --stderr --follow
    """
    environments = invocation.environments
    slug, _ = environments.named(name)
    name_of_file, lines = options["file"] or "stdout", options["lines"]
    found = sandboxes.tasks(environments, name, app, options["task"])
    if options["follow"]:
        if output != "table":
            raise UsageError(f"--follow writes as it comes and cannot write {output}")
        _follow(invocation, name, found, name_of_file, lines)
        return
    documents, text = [], []
    for one in found:
        content = sandboxes.tail(environments, one, name_of_file, lines)
        documents.append(
            {"app": one.app, "task": one.id, "running": one.running, "file": name_of_file, "text": content}
        )
        if content is None:
            warn(f"{one.app} {one.id}: {name_of_file} cannot be read: no Mesos address, or its agent does not answer")
            continue
        if len(found) > 1:
            text.append(f"==> {one.app} {one.id} {name_of_file} <==\n")
        text.append(content if content.endswith("\n") or not content else f"{content}\n")
    if not found:
        warn("no task runs, and none is known that failed")
    emit(Result({"environment": slug, "tasks": documents}, "".join(text)), output)
    if documents and all(one["text"] is None for one in documents):
        raise CiprovError(
            "nothing could be read", way_out="check the cluster's `mesos` address (ciprov config show, CIPROV_MESOS)"
        )


def _follow(invocation: Invocation, name: str, found: list[sandboxes.Task], file: str, lines: int) -> None:
    if not found:
        raise CiprovError("no task runs, and none is known that failed", place=name)
    if len(found) > 1:
        ids = "\n".join(f"  {one.app} {one.id}" for one in found)
        raise UsageError(f"one task can be followed; there are\n{ids}", way_out="name an app, or a task with --task")
    for piece in sandboxes.follow(invocation.environments, found[0], file, lines):
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
