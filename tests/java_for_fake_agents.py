"""A `java` that runs the fake Jenkins's agent.jar, which is an archive for Python: `-jar` and its arguments count."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

_TEXT = """\
#!/bin/sh
while [ "$#" -gt 0 ] && [ "$1" != -jar ]; do shift; done
shift
exec {python} -I "$@"
"""


def installed(directory: Path) -> Path:
    """The program, called `java`: for a template's `java`, or with `directory` in the PATH."""
    program = directory / "java"
    program.write_text(_TEXT.format(python=shlex.quote(sys.executable)))
    program.chmod(0o755)
    return program
