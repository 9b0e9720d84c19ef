"""COMMAND checks as sessions beside their task, for containers and for tasks of other users: these see other files."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass

from ciprov.localcluster.probes.answers import CommandFailed, ProbeFailed
from ciprov.localcluster.runtimes.sessions import Commands

SHOWN_OUTPUT = 200


@dataclass(frozen=True, slots=True)
class SessionPlace:
    """Where the COMMAND checks of one task run."""

    commands: Commands
    task_id: str

    async def run(self, command: str) -> None:
        """By the task's own `/bin/sh -c`; raises ProbeFailed unless it exits with 0. Ended when cancelled."""
        try:
            session = await self.commands.start(self.task_id, ["/bin/sh", "-c", command], {})
        except (KeyError, ValueError) as error:
            raise ProbeFailed(str(error)) from None
        said = b""
        try:
            await session.write(b"")
            async for piece in session.output():
                said = (said + piece.data)[-SHOWN_OUTPUT:]
            status = await session.wait()
        finally:
            await asyncio.shield(session.close())
        if status:
            code, number = status >> 8, status & 0x7F
            how = f"terminated with signal {signal.strsignal(number)}" if number else f"exited with status {code}"
            words = said.decode(errors="replace").strip()
            raise CommandFailed(f"Command {how}" + (f": {words}" if words else ""), None if number else code)
