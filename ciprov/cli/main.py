"""The command `ciprov`: global options, and where each group of commands is found."""

from __future__ import annotations

import io
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import click

from ciprov.cli.invocation import Invocation
from ciprov.cli.lazy import LazyGroup

_HELP = """CI environments on Marathon and Mesos.

Without a configured cluster an embedded one is started on this machine. Each option has a variable as well, such as
CIPROV_CLUSTER for --cluster, CIPROV_ENV_UP_TIMEOUT for --timeout of `env up`.

\b
Examples:
  ciprov env up feature-x --blueprint environments/courseware.yaml
  ciprov env status feature-x
  ciprov env down feature-x
\b
Exit codes: 0 done or nothing to do, 2 a plan has changes, 1 failed, 64 called wrongly, 130 interrupted.
"""

_COMMANDS = {
    "env": ("ciprov.cli.env", "env", "Environments: plan, up, status, down."),
    "blueprint": ("ciprov.cli.blueprint", "blueprint", "Blueprints: check a file, import one."),
    "agents": ("ciprov.cli.agents", "agents", "Jenkins agents as Mesos tasks: serve, status."),
    "jobs": ("ciprov.cli.jobs", "jobs", "Jenkins jobs from definitions: check, diff, sync."),
    "local": ("ciprov.cli.local", "local", "The embedded cluster of this machine."),
    "config": ("ciprov.cli.config", "config", "Settings: what holds, and why."),
    "completion": ("ciprov.cli.completion.command", "completion", "What bash, zsh or fish needs to complete commands."),
}


def _source(ctx: click.Context, name: str) -> str:
    """How messages call the place where an option's value came from."""
    from click.core import ParameterSource

    if ctx.get_parameter_source(name) is ParameterSource.ENVIRONMENT:
        return f"variable CIPROV_{name.upper()}"
    return f"option --{name.replace('_', '-')}"


def _print_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from ciprov import __version__

        click.echo(f"ciprov {__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    commands_at=_COMMANDS,
    help=_HELP,
    context_settings={"auto_envvar_prefix": "CIPROV", "help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option("--cluster", metavar="NAME", default="", help="The configured cluster to work on.")
@click.option("--local", is_flag=True, help="Work on the embedded cluster of this machine.")
@click.option("--state-dir", metavar="DIR", default="", help="Where records and the embedded cluster are kept.")
@click.option("--config", metavar="FILE", default="", help="The settings file.")
@click.option("--store-local", is_flag=True, help="Keep records of a shared cluster on this machine alone.")
@click.option("-q", "--quiet", is_flag=True, help="No progress on stderr: warnings and errors alone.")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
@click.pass_context
def cli(ctx: click.Context, /, cluster: str, state_dir: str, config: str, **flags: bool) -> None:
    ctx.obj = Invocation(
        cluster=cluster,
        cluster_source=_source(ctx, "cluster"),
        state_dir=state_dir,
        state_dir_source=_source(ctx, "state_dir"),
        config=config,
        local=flags["local"],
        store_local=flags["store_local"],
        quiet=flags["quiet"],
    )


def run() -> NoReturn:
    """The entry point. Leaves the process with one of the exit codes of `ciprov.foundation.errors`."""
    # A job that is aborted shall let go of its lock and say how to go on, just as after Ctrl-C.
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, _interrupt)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # what its encoding has not
    try:
        code = main(sys.argv[1:])
        if sys.stdout is not None:  # closed
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has enough. Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)


def main(arguments: list[str]) -> int:
    """Run one command; every failure is told on stderr."""
    try:
        code = cli.main(args=arguments, prog_name="ciprov", standalone_mode=False)
    except BrokenPipeError:
        raise
    except (Exception, KeyboardInterrupt) as error:
        from ciprov.cli.failures import report

        return report(error)
    return code if isinstance(code, int) else 0


def _interrupt(_: int, __: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
