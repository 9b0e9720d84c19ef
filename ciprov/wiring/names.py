"""Names for whoever types a command: a quick look at what is on this machine. Nothing is started, checked or locked.

What cannot be read gives no names: it is the command itself that tells what is wrong.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from ciprov.foundation.errors import CiprovError
from ciprov.settings.document import read
from ciprov.settings.loading import Options, config_path, state_directory
from ciprov.settings.model import LOCAL

ENVIRONMENT, APP, CLUSTER, TEMPLATE, AGENT = "environment", "app", "cluster", "template", "agent"


class Names:
    """`options` are those of this very call; what the words to complete say of them goes first."""

    def __init__(self, options: Options, environment: Mapping[str, str] | None = None) -> None:
        self._options = options
        self._environment = os.environ if environment is None else environment

    def __call__(self, kind: str, given: Mapping[str, str]) -> Sequence[str]:
        """In order. `given`: arguments and options typed so far, by their names."""
        options = replace(
            self._options,
            cluster=given.get("cluster", self._options.cluster),
            local=self._options.local or "local" in given,
            state_dir=given.get("state_dir", self._options.state_dir),
            config=given.get("config", self._options.config),
        )
        try:
            return sorted(self._found(kind, given, options))
        except (CiprovError, OSError, ValueError, LookupError, TypeError, AttributeError):
            return ()

    def _found(self, kind: str, given: Mapping[str, str], options: Options) -> Sequence[str]:
        clusters, default = self._clusters(options)
        if kind == CLUSTER:
            return list(clusters)
        cluster = self._chosen(clusters, default, options)
        entry = clusters.get(cluster) or {}
        if kind == TEMPLATE:
            return list(entry["agents"]["templates"])
        if kind == AGENT:
            return _agents(state_directory(self._environment, options)[0] / "agents" / f"{cluster}.sock")
        records = self._records(cluster, entry, options)
        if kind == ENVIRONMENT:
            return list(records)
        record = json.loads(records[given.get("name", "")])
        return [app_id.removeprefix(f"{record['group_path']}/") for app_id in record["app_ids"]]

    def _clusters(self, options: Options) -> tuple[dict[str, Any], str]:
        file = config_path(self._environment, options)
        if not file.exists():
            return {}, ""
        content = read(file.read_text(encoding="utf-8"), str(file)).plain
        return content.get("clusters") or {}, content.get("default_cluster") or ""

    def _chosen(self, clusters: Mapping[str, Any], default: str, options: Options) -> str:
        """As a command would, where that needs no other look."""
        configured = [name for name in clusters if name != LOCAL]
        if options.local:
            return LOCAL
        return options.cluster or default or (configured[0] if len(configured) == 1 else LOCAL)

    def _records(self, cluster: str, entry: Mapping[str, Any], options: Options) -> dict[str, str]:
        """Documents by name. Those of a store on other machines would take longer than a key press may."""
        import sqlite3

        store = str(self._environment.get("CIPROV_STORE") or entry.get("store") or "")
        if store and not store.startswith("sqlite://"):
            return {}
        path = Path(store.removeprefix("sqlite://") or state_directory(self._environment, options)[0] / "state.db")
        try:
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0.1)) as db:
                rows = db.execute("SELECT name, document FROM environments WHERE cluster = ?", (cluster,))
                return dict(rows.fetchall())
        except sqlite3.Error as error:
            raise ValueError(str(error)) from error


def _agents(socket_path: Path) -> list[str]:
    from ciprov.clients.agent_service import AgentServiceClient

    if not socket_path.exists():
        return []
    return [str(one["agent"]) for one in AgentServiceClient(socket_path, "").status()["agents"]]
