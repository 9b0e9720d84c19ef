"""Finds the settings, reads them, and chooses the cluster that a command works on.

defaults ──▶ file ──▶ environment variables ──▶ options: what comes later wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

from ciprov.foundation.errors import UsageError
from ciprov.settings.cluster import AGENTS, Layer, build, layer_of_entry, layer_of_environment, over
from ciprov.settings.document import Entry, SettingsError, read, unknown_keys
from ciprov.settings.fields import CLUSTER_KEYS
from ciprov.settings.model import LOCAL, Cluster, Settings


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says. `cluster_source` tells the option from its variable."""

    cluster: str = ""
    cluster_source: str = "option --cluster"
    local: bool = False
    state_dir: str = ""
    state_dir_source: str = "option --state-dir"
    config: str = ""
    store_local: bool = False


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    exists: bool
    layers: Mapping[str, Layer]
    default_cluster: str = ""
    default_place: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What stands under the embedded cluster's name is no configured cluster."""
        return tuple(name for name in self.layers if name != LOCAL)


def load(environment: Mapping[str, str], options: Options) -> Settings:
    """Raises `SettingsError` with all that is wrong, or `UsageError` where no cluster can be chosen."""
    return _loaded(_read_file(environment, options), environment, options)


def load_without_file(environment: Mapping[str, str], options: Options) -> Settings:
    """Of the cluster that is named, as far as variables tell it: for those who can do without what the file says."""
    layers: dict[str, Layer] = {options.cluster: {}} if options.cluster else {}
    file = _File(config_path(environment, options), exists=False, layers=layers)
    return _loaded(file, environment, options)


def _loaded(file: _File, environment: Mapping[str, str], options: Options) -> Settings:
    state_dir, state_dir_source = state_directory(environment, options)
    variables = layer_of_environment(environment, Path.cwd())
    name, chosen_by = _choose(file, variables, environment, options)

    findings: list[str] = []
    for other, layer in file.layers.items():
        if other != name:
            build(other, layer, environment, findings)
    if name == LOCAL:
        # Where it is and who may enter is known to the embedded cluster itself.
        variables = {key: item for key, item in variables.items() if key in _OF_EMBEDDED}
    layer = over(variables, file.layers.get(name, {}))
    cluster = build(name, layer, environment, findings)
    if findings:
        raise SettingsError([*findings, *_of_agents(cluster)])
    if not cluster.store:
        cluster = replace(cluster, store=f"sqlite://{state_dir / 'state.db'}")
    return Settings(
        file=file.path,
        file_exists=file.exists,
        state_dir=state_dir,
        state_dir_source=state_dir_source,
        cluster=cluster,
        chosen_by=chosen_by,
        names=file.names,
        default_cluster=file.default_cluster,
        store_local=options.store_local,
    )


def _of_agents(cluster: Cluster) -> tuple[str, ...]:
    """What is wrong in a section that is read later: where something else is wrong, all of it is told."""
    try:
        _ = cluster.agents
    except SettingsError as error:
        return error.findings
    return ()


_STORE = ("store", "store_auth.user", "store_auth.password", "store_auth.password_file", "store_auth.password_env")
_REAP = tuple(key for key in CLUSTER_KEYS if key.startswith("reap."))
_OF_EMBEDDED = frozenset({"prefix", "role", "team", "quotas", *_STORE, "service_ports", "timeout", *_REAP})


def config_path(environment: Mapping[str, str], options: Options) -> Path:
    """Where the settings file is or would be."""
    home = Path(environment.get("HOME") or Path.home())
    given = options.config or environment.get("CIPROV_CONFIG", "")
    if given:
        return Path(given).expanduser().absolute()
    return Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "ciprov" / "config.yaml"


def state_directory(environment: Mapping[str, str], options: Options) -> tuple[Path, str]:
    """Where records and the embedded cluster are kept, and what says so."""
    home = Path(environment.get("HOME") or Path.home())
    if options.state_dir:
        return Path(options.state_dir).expanduser().absolute(), options.state_dir_source
    if environment.get("CIPROV_STATE_DIR"):
        return Path(environment["CIPROV_STATE_DIR"]).expanduser().absolute(), "variable CIPROV_STATE_DIR"
    if environment.get("XDG_STATE_HOME"):
        return Path(environment["XDG_STATE_HOME"]).absolute() / "ciprov", "variable XDG_STATE_HOME"
    return home / ".local" / "state" / "ciprov", "default"


def _read_file(environment: Mapping[str, str], options: Options) -> _File:
    path = config_path(environment, options)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        if options.config or environment.get("CIPROV_CONFIG"):
            raise SettingsError(
                [f"{path}: there is no such settings file; correct CIPROV_CONFIG or --config"]
            ) from error
        return _File(path, exists=False, layers={})
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise SettingsError(
            [f"{path}: the settings file cannot be read: {reason}; correct the file or its path"]
        ) from error
    return _understand(read(text, str(path)), path)


def _understand(document: Entry, path: Path) -> _File:
    findings: list[str] = []
    if not isinstance(document.value, dict):
        raise SettingsError([f"{document.place}: a mapping is wanted, with the keys clusters and default_cluster"])
    findings.extend(unknown_keys(document, ["clusters", "default_cluster"], ""))
    clusters = document.value.get("clusters") or Entry({}, document.place)
    if clusters.value is None:
        clusters = replace(clusters, value={})
    layers: dict[str, Layer] = {}
    if not isinstance(clusters.value, dict):
        findings.append(f"{clusters.place}: clusters: a mapping is wanted, from names to clusters")
    else:
        for name, entry in clusters.value.items():
            layers[name] = layer_of_entry(entry, f"clusters.{name}", path.parent, findings)
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
                findings.append(f"{entry.key_place}: clusters.{name}: letters, digits, and inner _ . - make a name")
            elif name == LOCAL:
                findings.extend(_not_of_embedded(entry))
            elif isinstance(entry.value, dict) and not {"marathon", AGENTS} & set(entry.value):
                findings.append(f"{entry.key_place}: clusters.{name}.marathon: the URL of its Marathon is wanted")
    default = document.value.get("default_cluster")
    if default is not None and default.value not in {*layers, LOCAL}:
        findings.append(f"{default.place}: default_cluster: {_no_cluster(str(default.value), tuple(layers))}")
    if findings:
        raise SettingsError(findings)
    return _File(
        path,
        exists=True,
        layers=layers,
        default_cluster=str(default.value) if default else "",
        default_place=default.place if default else "",
    )


def _not_of_embedded(entry: Entry) -> Iterator[str]:
    """Under the embedded cluster's name stands what it does not know itself, and nothing else."""
    known = sorted({AGENTS, *(key.partition(".")[0] for key in _OF_EMBEDDED)})
    for key, member in (entry.value if isinstance(entry.value, dict) else {}).items():
        if key in {known.partition(".")[0] for known in CLUSTER_KEYS} - set(known):
            yield (
                f"{member.key_place}: clusters.{LOCAL}.{key}: the embedded cluster has this name, and knows its {key} "
                f"itself; take another name, or only {', '.join(known)}"
            )


def _choose(file: _File, variables: Layer, environment: Mapping[str, str], options: Options) -> tuple[str, str]:
    """The cluster's name and what chose it."""
    if options.local:
        if options.cluster not in {"", LOCAL}:
            raise UsageError(f"--local and the cluster {options.cluster} ({options.cluster_source}) exclude each other")
        return LOCAL, "option --local"
    if options.cluster:
        if options.cluster in file.layers or options.cluster == LOCAL or "marathon" in variables:
            return options.cluster, options.cluster_source
        raise UsageError(_no_cluster(options.cluster, file.names), place=options.cluster_source)
    if "marathon" in variables:
        first = str(variables["marathon"].raw).replace(",", " ").split()[0]
        host = urlsplit(first).netloc.rpartition("@")[2]
        # A host of this name must not be taken for the embedded cluster.
        return f"{host}:80" if host == LOCAL else host or "marathon", variables["marathon"].place
    if file.default_cluster:
        return file.default_cluster, file.default_place
    if len(file.names) == 1:
        return file.names[0], f"{file.path}: the only cluster"
    if file.names:
        raise UsageError(
            f"several clusters are configured: {', '.join(file.names)}",
            place=str(file.path),
            way_out="name one with --cluster or CIPROV_CLUSTER, or set default_cluster in the file",
        )
    if environment.get("CI", "").lower() not in {"", "0", "false", "no"}:
        raise UsageError(
            "no cluster is configured, and CI is set: the embedded cluster of this machine must be asked for here",
            way_out="use --local (CIPROV_LOCAL=1), or name a cluster: CIPROV_MARATHON=http://…, or the file "
            f"{file.path}",
        )
    return LOCAL, "default: no cluster is configured"


def _no_cluster(name: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"configured are: {', '.join(known) or 'none'}"
    return f"no cluster {name!r} is configured; {hint}"
