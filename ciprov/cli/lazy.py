"""Groups of commands whose modules are imported only when a command of theirs runs, so that help comes at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click

from ciprov.cli.variables import named_after_options


class LazyGroup(click.Group):
    """`commands_at` maps a command's name to `(module, attribute, one line of help)`."""

    def __init__(
        self, *args: Any, commands_at: Mapping[str, tuple[str, str, str]] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.commands_at = dict(commands_at or {})

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.commands_at)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.commands_at:
            return None
        module, attribute, _ = self.commands_at[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return named_after_options(command, f"{ctx.auto_envvar_prefix}_{cmd_name}")

    def resolve_command(
        self, ctx: click.Context, args: Sequence[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = str(args[0]) if args else ""
        if name and not name.startswith("-") and name not in self.commands_at:
            from difflib import get_close_matches

            near = get_close_matches(name, self.commands_at, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(self.commands_at)}"
            ctx.fail(f"no command {name!r}; {hint}")
        return super().resolve_command(ctx, list(args))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in self.commands_at.items()])
