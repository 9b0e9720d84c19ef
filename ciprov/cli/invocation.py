"""What one call of the command line carries: its global options, and settings and services made when first needed."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ciprov.settings.loading import Options
    from ciprov.settings.model import Settings
    from ciprov.wiring.environments import Environments, Records


_SAY_WHICH = "A service that runs is reached without the file by --cluster NAME, or by --local."


@dataclass
class Invocation:
    cluster: str = ""
    cluster_source: str = ""
    local: bool = False
    state_dir: str = ""
    state_dir_source: str = ""
    config: str = ""
    store_local: bool = False
    quiet: bool = False
    _settings: Settings | None = field(default=None, repr=False)
    _records: Records | None = field(default=None, repr=False)
    _environments: Environments | None = field(default=None, repr=False)

    @property
    def settings(self) -> Settings:
        if self._settings is None:
            from ciprov.settings.loading import load

            self._settings = load(os.environ, self.options)
        return self._settings

    def settings_of_service(self) -> Settings:
        """For those who ask a running agent service: it needs no file, and its operator needs it most when that is
        wrong. Where the cluster is named and its service is there, a file that cannot be used is only told of.
        """
        from ciprov.foundation.errors import CiprovError

        try:
            return self.settings
        except CiprovError as error:
            from ciprov.settings.document import SettingsError
            from ciprov.settings.loading import load_without_file
            from ciprov.wiring.agents_operating import socket_path

            if not self.local and not self.cluster:
                if isinstance(error, SettingsError):
                    error.way_out = _SAY_WHICH
                raise
            without = load_without_file(os.environ, self.options)
            if not socket_path(without).exists():
                raise
            click.echo(f"warning: {error}\n  going on without the settings file", err=True)
            self._settings = without
            return without

    @property
    def options(self) -> Options:
        from ciprov.settings.loading import Options

        return Options(
            cluster=self.cluster,
            cluster_source=self.cluster_source,
            local=self.local,
            state_dir=self.state_dir,
            state_dir_source=self.state_dir_source,
            config=self.config,
            store_local=self.store_local,
        )

    @property
    def records(self) -> Records:
        """Starts nothing."""
        if self._records is None:
            from ciprov.wiring.environments import open_records

            self._records = open_records(self.settings)
        return self._records

    @property
    def environments(self) -> Environments:
        """Starts the embedded cluster where that is the one to use."""
        if self._environments is None:
            from ciprov.wiring.environments import open_environments

            if self.settings.cluster.is_embedded and not self.local:
                self.tell("no cluster is configured: using the embedded one of this machine")
            self._environments = open_environments(self.settings, self.records, self.tell)
        return self._environments

    def writing(self) -> Environments:
        """For commands that write: says which cluster they write to."""
        environments = self.environments
        self.tell(f"cluster: {environments.target}")
        return environments

    def tell(self, text: str) -> None:
        """On stderr, unless --quiet was said."""
        if not self.quiet:
            click.echo(text, err=True)


pass_invocation = click.make_pass_decorator(Invocation)
