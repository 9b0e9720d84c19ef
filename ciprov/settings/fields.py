"""The keys of a cluster: the variable of each, what may stand there, and what it means."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ciprov.environments.blueprint import durations
from ciprov.environments.service_ports import PortRange
from ciprov.environments.sharing.quotas import Quota, Quotas
from ciprov.settings import store_address

Parse = Callable[[Any], Any]
"""`raw value → value`; raises ValueError saying what is allowed."""

_HARMLESS = re.compile(r"[-+]?\d{0,9}([.,]\d{1,6})?([eE][-+]?\d{1,3})?\s*(%|[A-Za-z]{0,8})")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ID = re.compile(r"^(/[a-z0-9]([a-z0-9.-]*[a-z0-9])?)+$")


@dataclass(frozen=True, slots=True)
class Key:
    """`variable` is the environment variable that overrides the key; a `secret`'s value is shown nowhere.

    `is_path`: a relative value starts from the settings file's directory.
    """

    variable: str
    parse: Parse
    meaning: str
    secret: bool = False
    is_path: bool = False


def text(raw: Any) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise ValueError("a text is wanted")
    if not raw.strip().isprintable():
        raise ValueError("a text in one line is wanted, without control characters")
    return raw.strip()


def but(raw: Any) -> str:
    """`, not …`: what stands there instead, where it cannot be a secret in the wrong place; else of what kind it is."""
    if isinstance(raw, dict | list):
        return ", not a mapping" if isinstance(raw, dict) else ", not a list"
    if raw is None or isinstance(raw, bool):
        return f", not {str(raw).lower()}"
    if not _HARMLESS.fullmatch(str(raw)):
        return f", not a text of {len(raw)} characters" if isinstance(raw, str) else ""
    return f", not '{raw}'" if isinstance(raw, str) else f", not {raw}"


def variable_of_secret(raw: Any) -> str:
    """The name of a variable, which is told wherever the secret is wanted."""
    name = text(raw)
    if not _VARIABLE.fullmatch(name):
        raise ValueError("the name of a variable is wanted (letters, digits and _), not the secret itself")
    return name


def secret_text(raw: Any) -> str:
    """Numbers are taken as they may stand unquoted in YAML; spaces may belong to it."""
    if isinstance(raw, str | int) and not isinstance(raw, bool) and str(raw):
        return str(raw)
    raise ValueError("a text is wanted (put it into quotes)")


def url_list(raw: Any) -> tuple[str, ...]:
    """One URL, a list of them, or a text with commas between them."""
    parts = raw if isinstance(raw, list) else re.split(r"[,\s]+", raw.strip()) if isinstance(raw, str) else [raw]
    urls = tuple(url(part) for part in parts if part != "")
    if not urls:
        raise ValueError("at least one URL is wanted, such as http://marathon.example:8080")
    return urls


def url(raw: Any, example: str = "http://marathon.example:8080", credentials: str = "under `auth`") -> str:
    """One server, without a slash at the end. `credentials` is where those are given."""
    if not isinstance(raw, str):
        raise ValueError(f"a URL or a list of URLs is wanted, such as {example}")
    try:
        parts = urlsplit(raw.strip())
        _ = parts.port
    except ValueError as error:
        # What Python says of it may hold a part of a password.
        raise ValueError("no valid URL: its host or its port is wrong") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"a URL with http:// or https:// and a host is wanted, such as {example}")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"the URL must hold no credentials: give them {credentials}")
    if parts.query or parts.fragment:
        raise ValueError("the URL must have no query and no fragment")
    return raw.strip().rstrip("/")


def masters(raw: Any) -> tuple[str, ...]:
    """URLs of Mesos masters. Not their election in ZooKeeper: whoever reads from masters asks one after the other."""
    if "zk://" in str(raw):
        raise ValueError(
            "URLs of the masters are wanted here, such as http://mesos.example:5050; zk://… goes under agents.masters"
        )
    return url_list(raw)


def group_prefix(raw: Any) -> str:
    if raw == "/":
        return "/"
    value = raw.rstrip("/") if isinstance(raw, str) else ""
    if not _ID.match(value):
        raise ValueError("an absolute group id is wanted, such as /ciprov (lower-case letters, digits, inner dashes)")
    return value


def port_range(raw: Any) -> PortRange:
    match = re.fullmatch(r"\s*(\d{1,5})\s*-\s*(\d{1,5})\s*", raw) if isinstance(raw, str) else None
    ports = PortRange(int(match[1]), int(match[2])) if match else PortRange(1, 0)
    if not 1 <= ports.first <= ports.last <= 65535:
        raise ValueError("a range within 1-65535 is wanted, such as 20001-24999")
    return ports


def yes_or_no(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    word = str(raw).strip().lower()
    if word in {"true", "yes", "on", "1"}:
        return True
    if word in {"false", "no", "off", "0"}:
        return False
    raise ValueError("true or false is wanted")


def existing_file(raw: Any) -> str:
    path = text(raw)
    if not Path(path).is_file():
        raise ValueError(f"there is no file {path}")
    return path


def seconds(raw: Any) -> float:
    try:
        value = float(raw) if not isinstance(raw, bool) else 0.0
    except (TypeError, ValueError):
        value = 0.0
    if not 0 < value <= 3600:
        raise ValueError("a number of seconds up to 3600 is wanted")
    return value


def store_url(raw: Any) -> str:
    return store_address.parse(text(raw)).url


def span(raw: Any) -> int:
    """A duration, in seconds; 0 and `off` for none."""
    if raw in (0, "0", "off", False):
        return 0
    found = durations.seconds(raw) if isinstance(raw, str) else None
    if not found:
        raise ValueError(f"{durations.ALLOWED} is wanted, or 0")
    return found


def percentage(raw: Any) -> int:
    value = whole_number(str(raw).rstrip("% ") if isinstance(raw, str) else raw)
    if value > 100:
        raise ValueError("a percentage up to 100 is wanted")
    return value


def whole_number(raw: Any) -> int:
    text = str(raw).strip()
    if isinstance(raw, bool) or not re.fullmatch(r"\d{1,9}", text):
        raise ValueError(f"a whole number is wanted{but(raw)}")
    return int(text)


def text_list(raw: Any) -> tuple[str, ...]:
    """A list of texts, or one text with commas between them."""
    parts: list[Any] = raw if isinstance(raw, list) else raw.split(",") if isinstance(raw, str) else [None]
    if not all(isinstance(part, str) for part in parts):
        raise ValueError("a list of texts is wanted")
    return tuple(part.strip() for part in parts if part.strip())


_QUOTA = ", ".join(one.name for one in fields(Quota))


def quotas(raw: Any) -> Quotas:
    """A mapping from teams to their limits; in a variable as JSON."""
    if isinstance(raw, str):
        try:
            raw = json.loads(raw)
        except ValueError as error:
            raise ValueError(f'JSON is wanted, such as {{"video": {{"environments": 5}}}}: {error}') from error
    if not isinstance(raw, dict):
        raise ValueError(f"a mapping from teams to their limits ({_QUOTA}) is wanted")
    return Quotas({str(team): _quota(str(team), limits) for team, limits in raw.items()})


def _quota(team: str, raw: Any) -> Quota:
    if not isinstance(raw, dict):
        raise ValueError(f"{team}: a mapping with {_QUOTA} is wanted")
    for name, limit in raw.items():
        if name not in {one.name for one in fields(Quota)}:
            raise ValueError(f"{team}: there is no limit {name!r}; there are {_QUOTA}")
        if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 <= limit < math.inf:
            raise ValueError(f"{team}.{name}: a number from 0 up is wanted")
    return Quota(**raw)


CLUSTER_KEYS: Mapping[str, Key] = {
    "marathon": Key("CIPROV_MARATHON", url_list, "URLs of Marathon, with path prefix; several for one cluster"),
    "mesos": Key("CIPROV_MESOS", masters, "URLs of the Mesos masters: offered ports, logs, exec"),
    "role": Key("CIPROV_ROLE", text, "Mesos role of the apps; empty leaves it to Marathon"),
    "prefix": Key("CIPROV_PREFIX", group_prefix, "group below which environments are made"),
    "store": Key("CIPROV_STORE", store_url, "where records and locks are kept: zk://… or sqlite:///…"),
    "service_address": Key("CIPROV_SERVICE_ADDRESS", text, "host at which service ports are reached"),
    "service_ports": Key("CIPROV_SERVICE_PORTS", port_range, "range of the service ports that ciprov gives out"),
    "timeout": Key("CIPROV_TIMEOUT", seconds, "seconds that an answer of Marathon may take"),
    "auth.user": Key("CIPROV_MARATHON_USER", text, "user for HTTP Basic"),
    "auth.password": Key("CIPROV_MARATHON_PASSWORD", secret_text, "password", secret=True),
    "auth.password_file": Key("CIPROV_MARATHON_PASSWORD_FILE", text, "file that holds the password", is_path=True),
    "auth.password_env": Key("CIPROV_MARATHON_PASSWORD_ENV", variable_of_secret, "variable that holds the password"),
    "auth.token": Key(
        "CIPROV_MARATHON_TOKEN",
        secret_text,
        "token, sent as `Authorization: token=…`; `Bearer …` as it is",
        secret=True,
    ),
    "auth.token_file": Key("CIPROV_MARATHON_TOKEN_FILE", text, "file that holds the token", is_path=True),
    "auth.token_env": Key("CIPROV_MARATHON_TOKEN_ENV", variable_of_secret, "variable that holds the token"),
    "mesos_auth.user": Key("CIPROV_MESOS_USER", text, "user for the Mesos masters and agents"),
    "mesos_auth.password": Key("CIPROV_MESOS_PASSWORD", secret_text, "its password", secret=True),
    "mesos_auth.password_file": Key("CIPROV_MESOS_PASSWORD_FILE", text, "file that holds it", is_path=True),
    "mesos_auth.password_env": Key("CIPROV_MESOS_PASSWORD_ENV", variable_of_secret, "variable that holds it"),
    "store_auth.user": Key("CIPROV_STORE_USER", text, "user for ZooKeeper (digest)"),
    "store_auth.password": Key("CIPROV_STORE_PASSWORD", secret_text, "its password", secret=True),
    "store_auth.password_file": Key("CIPROV_STORE_PASSWORD_FILE", text, "file that holds it", is_path=True),
    "store_auth.password_env": Key("CIPROV_STORE_PASSWORD_ENV", variable_of_secret, "variable that holds it"),
    "tls.verify": Key("CIPROV_TLS_VERIFY", yes_or_no, "false trusts every certificate"),
    "tls.ca": Key("CIPROV_TLS_CA", existing_file, "file of the authority", is_path=True),
    "tls.certificate": Key("CIPROV_TLS_CERTIFICATE", existing_file, "file of the client's certificate", is_path=True),
    "tls.key": Key("CIPROV_TLS_KEY", existing_file, "file of its key, where it is not in the same file", is_path=True),
    "team": Key("CIPROV_TEAM", text, "the team that new environments belong to"),
    "quotas": Key("CIPROV_QUOTAS", quotas, "the most that each team may have: environments, cpus, mem in MiB"),
    "reap.grace": Key("CIPROV_REAP_GRACE", span, "how long the reaper waits after an expiry or a branch's end"),
    "reap.idle": Key("CIPROV_REAP_IDLE", span, "without use for so long, an environment is reaped; 0 is off"),
    "reap.failed_after": Key("CIPROV_REAP_FAILED_AFTER", span, "failed or cut short for so long; 0 is off"),
    "reap.max_share": Key("CIPROV_REAP_MAX_SHARE", percentage, "most environments reaped at once, in per cent of all"),
    "reap.max_count": Key("CIPROV_REAP_MAX_COUNT", whole_number, "most environments reaped at once"),
    "reap.protected_names": Key("CIPROV_REAP_PROTECTED_NAMES", text_list, "names never reaped; globs"),
    "reap.protected_kinds": Key("CIPROV_REAP_PROTECTED_KINDS", text_list, "kinds never reaped; globs"),
}

GROUPS = ("auth", "mesos_auth", "store_auth", "tls", "reap")
"""Keys that hold keys."""
