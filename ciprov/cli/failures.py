"""From an exception to one clear message and an exit code. A traceback is shown to nobody who did not ask for it."""

from __future__ import annotations

import errno
import os
import sys

import click

from ciprov.foundation.errors import FAILED, INTERRUPTED, USAGE, CiprovError


def report(error: BaseException) -> int:
    """Tell `error` on stderr; returns the exit code."""
    if os.environ.get("CIPROV_DEBUG"):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, CiprovError):
        _tell(str(error))
        return error.exit_code
    if isinstance(error, click.UsageError):
        (_placed(error) if isinstance(error, click.NoSuchOption) else error).show()
        return USAGE
    if isinstance(error, click.ClickException):
        _tell(error.format_message())
        return FAILED
    if isinstance(error, click.Abort | KeyboardInterrupt):
        click.echo("\ninterrupted", err=True)
        return INTERRUPTED
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        _tell(f"{place}{error.strerror}\n  {_way_out(error)}")
        return FAILED
    _tell(f"ciprov has a fault: {type(error).__name__}: {_first_line(error)}\n  {_kept(error)}")
    return FAILED


def _placed(error: click.NoSuchOption) -> click.UsageError:
    """Options of `ciprov` itself are no options of its commands, and many write them behind one all the same."""
    if error.ctx is None or error.ctx.parent is None:
        return error
    root, name = error.ctx.find_root(), error.option_name
    if not any(name in parameter.opts for parameter in root.command.params):
        return error
    after = error.ctx.command_path.removeprefix(f"{root.command_path} ")
    return click.UsageError(f"{name} goes before the command: {root.command_path} {name} {after} …", error.ctx)


def _way_out(error: OSError) -> str:
    from ciprov.settings.loading import Options, state_directory

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "free some space there and repeat the command"
    if str(error.filename).startswith(str(state_directory(os.environ, Options())[0])):
        return "the state directory has to be yours: see who owns it, or set CIPROV_STATE_DIR to one of your own"
    return "correct the path, or what you may do there"


def _tell(message: str) -> None:
    click.echo(f"error: {message}", err=True)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0][:200]


def _kept(error: BaseException) -> str:
    """Where the traceback is for whoever repairs the fault."""
    try:
        file = _write(error)
    except OSError:
        return "set CIPROV_DEBUG=1 to see where"
    return f"the traceback is in {file}; please report it"


def _write(error: BaseException) -> str:
    import tempfile
    import time
    import traceback

    from ciprov.settings.loading import Options, state_directory

    folder = state_directory(os.environ, Options())[0] / "faults"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=time.strftime("%Y%m%d-%H%M%S-"), suffix=".txt", dir=folder)
    with os.fdopen(handle, "w") as file:
        file.write(f"{' '.join(sys.argv[:3])}\nPython {sys.version}\n\n")
        traceback.print_exception(error, file=file)
    return name
