"""This machine, as hooks see it, on the clock of the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ciprov.domain.page import Page

if TYPE_CHECKING:
    from marathon_model import World


class HereDouble:
    """`commands` tell by text how long one runs and how it ends, `pages` by URL what it answers, one after the other
    and the last one for ever.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.environment: dict[str, str] = {}
        self.commands: dict[str, tuple[float, int, str]] = {}
        self.pages: dict[str, list[Page]] = {}
        self.began: list[tuple[str, str, Mapping[str, str]]] = []
        self.ended: list[str] = []

    def variables(self) -> Mapping[str, str]:
        return self.environment

    @contextmanager
    def command(
        self, text: str, directory: str, variables: Mapping[str, str], tell: Callable[[str], None]
    ) -> Iterator[CommandDouble]:
        self.began.append((text, directory, variables))
        seconds, status, output = self.commands.get(text, (0.5, 0, ""))
        for line in output.splitlines():
            tell(line)
        try:
            yield CommandDouble(self.world, self.world.now + seconds, status)
        finally:
            self.ended.append(text)

    def page(self, url: str, seconds: float, *, follow: bool = True) -> Page:
        self.world.advance(0.1)
        answers = self.pages.get(url) or [Page(error="nothing answers there")]
        return answers.pop(0) if len(answers) > 1 else answers[0]


class CommandDouble:
    def __init__(self, world: World, end: float, status: int) -> None:
        self.world, self.end, self.status = world, end, status

    def wait(self, seconds: float) -> int | None:
        self.world.clock().wait(None, max(0.1, min(seconds, self.end - self.world.now)))  # type: ignore[arg-type]
        return self.status if self.world.now >= self.end - 1e-9 else None
