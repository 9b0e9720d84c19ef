"""The machine on which ciprov runs: see `ciprov.environments.ports.Here`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from ciprov.clients.local_commands import RunningCommand
from ciprov.clients.pages import get
from ciprov.domain.page import Page


class ThisMachine:
    def variables(self) -> Mapping[str, str]:
        return dict(os.environ)

    def command(
        self, text: str, directory: str, variables: Mapping[str, str], tell: Callable[[str], None]
    ) -> RunningCommand:
        return RunningCommand(text, directory, variables, tell)

    def page(self, url: str, seconds: float, *, follow: bool = True) -> Page:
        return get(url, seconds, follow=follow)
