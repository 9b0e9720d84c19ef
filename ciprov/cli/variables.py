"""Which variable stands for an option: `CIPROV_`, the command, the option, as in CIPROV_ENV_UP_DRY_RUN."""

from __future__ import annotations

import click


def long_name(option: click.Option) -> str:
    """Without dashes at its beginning, such as `dry-run`."""
    return next((name[2:] for name in option.opts if name.startswith("--")), option.name or "")


def named_after_options(command: click.Command, prefix: str) -> click.Command:
    """`command`, with a variable of this name for each option whose parameter is called otherwise than it.

    click by itself calls the variable after the parameter, which no user ever sees.
    """
    for option in command.params:
        if not isinstance(option, click.Option) or option.envvar or not option.allow_from_autoenv:
            continue
        if long_name(option).replace("-", "_") != option.name:
            option.envvar = f"{prefix}_{long_name(option)}".upper().replace("-", "_")
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            named_after_options(child, f"{prefix}_{name}")
    return command


def variable(option: click.Option, prefix: str) -> str:
    """Its name; empty for an option that has none."""
    if option.envvar:
        return option.envvar if isinstance(option.envvar, str) else option.envvar[0]
    if not option.allow_from_autoenv or option.is_eager:
        return ""
    return f"{prefix}_{long_name(option)}".upper().replace("-", "_")
