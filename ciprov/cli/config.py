"""`ciprov config`: the settings that hold, and where each came from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.cli.lazy import LazyGroup
from ciprov.cli.output import Result, emit, note, output_option, table

if TYPE_CHECKING:
    from ciprov.settings.display import Row

_COMMANDS = {
    "show": ("ciprov.cli.config", "show", "Show every setting and where it came from; secrets hidden."),
    "path": ("ciprov.cli.config", "path", "Print where the settings file is or would be."),
}


@click.group(cls=LazyGroup, commands_at=_COMMANDS)
def config() -> None:
    """Settings: a file, overridden by variables, overridden by options."""


@click.command()
@output_option
@pass_invocation
def show(invocation: Invocation, *, output: str) -> None:
    """Show every setting of the cluster that a command would use, and where each came from. Starts nothing.

    \b
    Examples:
      ciprov config show
      ciprov --cluster staging config show -o json
    """
    from ciprov.settings.display import general_rows, rows

    settings = invocation.settings
    general, cluster = general_rows(settings), rows(settings.cluster)
    document: dict[str, Any] = {
        "file": str(settings.file),
        "file_exists": settings.file_exists,
        "clusters": list(settings.names),
        "general": _document(general),
        "cluster": {"name": settings.cluster.name, "settings": _document(cluster)},
    }
    shown = [(row.key, row.shown or "-", row.source) for row in (*general, *cluster)]
    named = [row for row in (*general, *cluster) if row.variable and not row.hidden and row.shown]
    variables = {row.variable: row.shown for row in named if _is_read_as_shown(row)}
    left_out = [row.variable for row in named if row.variable not in variables and row.source != "default"]
    if left_out and output == "dotenv":
        note(f"note: left out, as this form cannot hold their values: {', '.join(left_out)}")
    emit(Result(document, table(("SETTING", "VALUE", "FROM"), shown), variables), output)


@click.command()
@pass_invocation
def path(invocation: Invocation) -> None:
    """Print where the settings file is, or would be if there were one.

    \b
    Example:
      ciprov config path
    """
    from ciprov.settings.loading import config_path

    click.echo(str(config_path(os.environ, invocation.options)))


def _is_read_as_shown(row: Row) -> bool:
    """Whether these variables say the same when they are read again: nothing decodes what has to be encoded."""
    from ciprov.cli.dotenv import safe

    return row.key != "quotas" and safe(row.shown) == row.shown


def _document(rows: Any) -> dict[str, Any]:
    return {row.key: {"value": row.shown, "from": row.source} for row in rows}
