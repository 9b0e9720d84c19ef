"""Groups: a tree of app definitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ciprov.localcluster.definitions.app import App


@dataclass(frozen=True, slots=True)
class Group:
    """One group; `apps` and `groups` are keyed by absolute id, `dependencies` are absolute."""

    id: str = "/"
    version: str = ""
    apps: Mapping[str, App] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    dependencies: tuple[str, ...] = ()
    enforce_role: bool = False

    def all_apps(self) -> Iterator[App]:
        """The apps of this group and of all groups below it."""
        yield from self.apps.values()
        for group in self.groups.values():
            yield from group.all_apps()

    def all_groups(self) -> Iterator[Group]:
        """This group and all groups below it."""
        yield self
        for group in self.groups.values():
            yield from group.all_groups()
