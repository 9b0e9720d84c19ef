"""Settings as rows that may be shown to anybody. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ciprov.environments.blueprint import durations
from ciprov.settings.fields import CLUSTER_KEYS
from ciprov.settings.model import Cluster, Settings
from ciprov.settings.secret import HIDDEN

_AT_START = "(known once it runs: ciprov local status)"
_ALWAYS = ("tls.verify", "reap.")
_FROM_EMBEDDED = frozenset({"marathon", "mesos", "service_address"})


@dataclass(frozen=True, slots=True)
class Row:
    """One setting. `variable` is the one that overrides it; `hidden` tells that the value is not shown."""

    key: str
    shown: str
    source: str
    variable: str = ""
    hidden: bool = False


def general_rows(settings: Settings) -> list[Row]:
    names = ", ".join(settings.names) or "none"
    there = "read" if settings.file_exists else "not there"
    return [
        Row("settings file", str(settings.file), there, "CIPROV_CONFIG" if settings.file_exists else ""),
        Row("clusters", names, str(settings.file) if settings.names else "default"),
        Row("state_dir", str(settings.state_dir), settings.state_dir_source, "CIPROV_STATE_DIR"),
        Row("cluster", settings.cluster.name, settings.chosen_by, "CIPROV_CLUSTER"),
    ]


def rows(cluster: Cluster) -> list[Row]:
    """One row per key that has a value. Of a secret in a file or variable, the file or variable is named.

    Raises `SettingsError` for a section `agents` that cannot be read.
    """
    found = []
    for key, known in CLUSTER_KEYS.items():
        source = cluster.sources.get(key, "default")
        value = _value(cluster, key)
        if cluster.is_embedded and key in _FROM_EMBEDDED:
            found.append(Row(key, _AT_START, "the embedded cluster"))
        elif known.secret:
            if key in cluster.sources:
                found.append(Row(key, HIDDEN, source, known.variable, hidden=True))
        elif value is not None and (
            key in cluster.sources or "." not in key or key.startswith(("tls.verify", "reap."))
        ):
            found.append(Row(key, value, source, known.variable))
    return found + _agents(cluster)


def _agents(cluster: Cluster) -> list[Row]:
    if cluster.agents is None:
        return []
    from ciprov.settings.agents.display import rows as rows_of_agents

    return rows_of_agents(cluster.agents)


def _value(cluster: Cluster, key: str) -> str | None:
    group, _, name = key.partition(".")
    if not name:
        value = getattr(cluster, key)
        if isinstance(value, tuple):
            return ",".join(value)
        return f"{value:g}" if isinstance(value, float) else str(value)
    if name.endswith(("_file", "_env")):
        credentials = getattr(cluster, group)
        secret = getattr(credentials, name.rpartition("_")[0])
        return secret.origin.rpartition(" ")[2] if secret and key in cluster.sources else None
    value = getattr(getattr(cluster, group), name)
    if group == "reap":
        return _reap_value(name, value)
    return ("true" if value else "false") if isinstance(value, bool) else str(value) if value else None


def _reap_value(name: str, value: int | tuple[str, ...]) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    if name.startswith("max_"):
        return str(value)
    return durations.shown(value) if value else "off"
