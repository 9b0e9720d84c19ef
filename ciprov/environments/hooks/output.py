"""What a hook's task writes, told line by line as it comes."""

from __future__ import annotations

from collections.abc import Callable

from ciprov.environments.hooks.one_off import Verdict
from ciprov.environments.ports import Agents

TAIL_BYTES = 65536


class Output:
    """Reads the ends of both files again and again, and tells what is new. What is more than `TAIL_BYTES` at once is
    cut at its beginning.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._seen = {"stdout": "", "stderr": ""}
        self.is_known = False

    @property
    def text(self) -> str:
        """All that is known, stderr last."""
        return "\n".join(text.strip("\n") for text in self._seen.values() if text.strip("\n"))

    def read(self, agents: Agents, run: Verdict) -> None:
        if not run.task or not run.agent:
            return
        for file, before in self._seen.items():
            text = agents.sandbox_tail(run.agent, run.task, file, TAIL_BYTES)
            if text is None:
                continue
            self.is_known = True
            for line in added(before, text).splitlines():
                self._tell(line)
            self._seen[file] = text


def added(before: str, text: str) -> str:
    """What `text`, the end of a file, has that `before`, its end at an earlier time, had not."""
    if text.startswith(before):
        return text[len(before) :]
    last = before[-200:]
    at = text.rfind(last) if last else -1
    return text[at + len(last) :] if at >= 0 else text
