"""Command lines as click takes them apart; none of them is run."""

import click

from ciprov.cli.main import cli


def parse(words):
    """As the command line does; runs nothing. Raises click's errors."""
    name, command, context, rest = "ciprov", cli, None, list(words)
    while True:
        prefix = {} if context else {"auto_envvar_prefix": "CIPROV"}
        context = command.make_context(name, rest, parent=context, **prefix)
        if not isinstance(command, click.Group):
            return command
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
