"""What may stand under the keys of templates: each function gives the value, or raises ValueError with what may."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ciprov.agents.crew import schedules
from ciprov.agents.queue import labels as grammar
from ciprov.environments.blueprint import durations
from ciprov.foundation.errors import UsageError
from ciprov.framework.requests import Constraint, Operator, constraint
from ciprov.settings.fields import but, text

Choice = TypeVar("Choice", bound=StrEnum)

_LABEL = re.compile(r"""[^&|!<>()\s"',\\]+""")
_ROLE = re.compile(r"(?!-)[^\s\\/]+(/(?!-)[^\s\\/]+)*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SCHEMES = ("http", "https", "ftp", "ftps", "hdfs", "file")

JVM_TAKEN = {
    "-jar": "the program is agent.jar",
    "-cp": "the program is agent.jar",
    "-classpath": "the program is agent.jar",
    "-XX:SharedArchiveFile": "name the archive as class_data",
}
_OF_SETTINGS = "it follows from the settings and the agent"
ARGUMENTS_TAKEN = {
    **dict.fromkeys(("-url", "-name", "-secret", "-jnlpUrl", "-direct", "-directConnection"), _OF_SETTINGS),
    **dict.fromkeys(("-jnlpCredentials", "-credentials"), "agents prove who they are by a secret"),
    "-webSocket": "say it as protocol",
    "-workDir": "say it as work_dir",
    "-jar-cache": "say it as jar_cache",
    "-jarCache": "say it as jar_cache",
    "-noReconnect": "say it as reconnect: 0",
    "-noreconnect": "say it as reconnect: 0",
    "-noReconnectAfter": "say it as reconnect",
}
WEB_SOCKET_REFUSED = ("-tunnel", "-noKeepAlive")
TCP_REFUSED = ("-webSocketHeader",)
"""With these agent.jar prints how it is used, and ends as if all were well."""


def number(least: float, *, above: bool = False) -> Callable[[Any], float]:
    """A number from `least` up, or above it."""

    def parse(raw: Any) -> float:
        good = isinstance(raw, int | float) and not isinstance(raw, bool) and math.isfinite(raw)
        if not good or raw < least or (above and raw == least) or raw > 1e9:
            raise ValueError(
                f"a number {'above' if above else 'from'} {least:g}{'' if above else ' up'} is wanted{but(raw)}"
            )
        return float(raw)

    return parse


def whole(least: int, most: int = 1_000_000) -> Callable[[Any], int]:
    def parse(raw: Any) -> int:
        if isinstance(raw, bool) or not isinstance(raw, int) or not least <= raw <= most:
            raise ValueError(f"a whole number from {least} to {most} is wanted{but(raw)}")
        return raw

    return parse


def flag(raw: Any) -> bool:
    if not isinstance(raw, bool):
        raise ValueError(f"true or false is wanted{but(raw)}")
    return raw


def duration(*, off: bool = False) -> Callable[[Any], float]:
    """In seconds; 0 is allowed where it turns something `off`."""

    def parse(raw: Any) -> float:
        if off and raw in (0, "0", "0s", "off", False):
            return 0.0
        found = durations.seconds(raw) if isinstance(raw, str) else None
        if not found:
            raise ValueError(f"{durations.ALLOWED} is wanted{', or 0' if off else ''}{but(raw)}")
        return float(found)

    return parse


def choice(kinds: type[Choice]) -> Callable[[Any], Choice]:
    def parse(raw: Any) -> Choice:
        for kind in kinds:
            if isinstance(raw, str) and raw.strip().lower() == kind.value.lower():
                return kind
        raise ValueError(f"{_near(raw, [kind.value for kind in kinds])}")

    return parse


def words(raw: Any) -> tuple[str, ...]:
    """A list of texts, or one text with blanks between them."""
    parts = raw.split() if isinstance(raw, str) else raw
    if not isinstance(parts, list) or not all(isinstance(part, str) and part.strip() for part in parts):
        raise ValueError("a list of texts is wanted, or one text with blanks between them")
    return tuple(text(part) for part in parts)


def label_names(raw: Any) -> tuple[str, ...]:
    found = words(raw)
    for name in found:
        if not _LABEL.fullmatch(name):
            raise ValueError(
                f"'{name}' is no single label: none of blanks, quotes, commas and & | ! < > ( ) belong in it"
            )
    _no_twice(found, "label")
    if not found:
        raise ValueError("at least one label is wanted")
    return found


def label_prefix(raw: Any) -> str:
    if not isinstance(raw, str) or not _LABEL.fullmatch(raw) or not raw.isprintable():
        raise ValueError("the beginning of a label is wanted, without blanks and operators, such as ciprov.maven.")
    return raw


def expression(raw: Any) -> str:
    """A label expression in its canonical form."""
    if not isinstance(raw, str) or not raw.strip():
        raise ValueError("a label expression is wanted, such as linux && jdk17")
    try:
        return grammar.canonical(grammar.parse(raw))
    except grammar.LabelError as error:
        raise ValueError(f"'{raw}': {error.message}; {error.way_out}") from None


def roles(raw: Any) -> tuple[str, ...]:
    found = words(raw)
    for name in found:
        if not _ROLE.fullmatch(name) or {".", ".."} & set(name.split("/")):
            raise ValueError(
                f"'{name}' is no Mesos role: no blanks, no backslash, no dash or dot alone at its beginning"
            )
    _no_twice(found, "role")
    if not found:
        raise ValueError("at least one role is wanted; * is the one of everybody")
    return found


def ports(raw: Any) -> tuple[int, ...]:
    """How many, or a list of port numbers, 0 for any."""
    if isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw <= 100:
        return (0,) * raw
    if not isinstance(raw, list):
        raise ValueError("how many ports is wanted (up to 100), or a list of port numbers with 0 for any")
    found = tuple(port(each) for each in raw)
    _no_twice([str(each) for each in found if each], "port")
    return found


def port(raw: Any) -> int:
    return whole(0, 65535)(raw)


def container_port(raw: Any) -> int:
    return whole(1, 65535)(raw)


def placement(raw: Any) -> Constraint:
    """`[field, OPERATOR]` or `[field, OPERATOR, value]`, as Marathon has them."""
    if not isinstance(raw, list) or len(raw) not in {2, 3}:
        raise ValueError("[field, OPERATOR] or [field, OPERATOR, value] is wanted, such as [rack, GROUP_BY, 3]")
    parts = [
        str(part).strip() if isinstance(part, str | int | float) and not isinstance(part, bool) else "" for part in raw
    ]
    if not parts[0] or not parts[1] or (len(parts) == 3 and not parts[2]):
        raise ValueError("field, operator and value are texts (put true and false into quotes)")
    names = [*Operator, "IS"]
    if parts[1].upper() not in names:
        raise ValueError(f"there is no operator {_near(parts[1].upper(), [str(name) for name in names])}")
    if parts[1].upper() == Operator.UNIQUE and len(parts) == 3:
        raise ValueError("UNIQUE takes no value")
    if parts[1].upper() in {Operator.LIKE, Operator.UNLIKE} and len(parts) == 2:
        raise ValueError(f"{parts[1].upper()} wants a regular expression as its value")
    try:
        return constraint(*parts)
    except UsageError as error:
        raise ValueError(error.message) from None


def absolute(raw: Any) -> str:
    path = text(raw)
    if not path.startswith("/") or ".." in path.split("/"):
        raise ValueError("an absolute path is wanted, without ..")
    return path.rstrip("/") or "/"


def directory_or_off(raw: Any) -> str:
    return "" if raw is False or raw == "off" else absolute(raw)


def file_name(raw: Any) -> str:
    path = text(raw)
    if path.startswith("/") or ".." in path.split("/"):
        raise ValueError("a path in the sandbox is wanted, without / at its beginning and without ..")
    return path


def variable_name(name: str) -> str:
    if not _VARIABLE.fullmatch(name):
        raise ValueError("letters, digits and _ make the name of a variable")
    if name.upper().startswith("CIPROV_"):
        raise ValueError("variables that begin with CIPROV_ are ciprov's own; take another name")
    return name


def variable_value(raw: Any) -> str:
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise ValueError("a text is wanted (put it into quotes), or {from_env: NAME} or {from_file: PATH} for a secret")
    if "\0" in str(raw):
        raise ValueError("a variable cannot hold the character 0")
    return str(raw)


def fetched(raw: Any) -> str:
    """An address that a Mesos agent can fetch."""
    address = text(raw)
    try:
        parts = urlsplit(address)
    except ValueError:
        raise ValueError("no valid URL: its host is wrong") from None
    if parts.username is not None or parts.password is not None:
        raise ValueError("the URL must hold no credentials: everybody who sees the task in Mesos would see them")
    if not address.startswith("/") and (parts.scheme not in _SCHEMES or not (parts.netloc or parts.path)):
        raise ValueError(f"a URL that a Mesos agent can fetch is wanted ({', '.join(_SCHEMES)}), or an absolute path")
    return address


def schedule(raw: Any) -> str:
    given = text(raw)
    try:
        schedules.parse(given)
    except schedules.ScheduleError as error:
        raise ValueError(str(error)) from None
    return given


def parameters(raw: Any) -> tuple[tuple[str, str], ...]:
    """Options of `docker run`: a mapping, or as in Marathon a list of `{key, value}`, where one may come twice."""
    if isinstance(raw, dict):
        pairs = list(raw.items())
    elif isinstance(raw, list) and all(isinstance(each, dict) and set(each) == {"key", "value"} for each in raw):
        pairs = [(each["key"], each["value"]) for each in raw]
    else:
        raise ValueError("a mapping is wanted, or a list of {key: …, value: …}")
    if not all(isinstance(part, str | int | float) for pair in pairs for part in pair):
        raise ValueError("texts are wanted")
    return tuple((str(key), str(value).lower() if isinstance(value, bool) else str(value)) for key, value in pairs)


def _no_twice(found: tuple[str, ...] | list[str], what: str) -> None:
    twice = next((name for number, name in enumerate(found) if name in found[:number]), None)
    if twice is not None:
        raise ValueError(f"the {what} '{twice}' stands there twice")


def _near(raw: Any, known: list[str]) -> str:
    near = get_close_matches(str(raw), known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    return f"'{raw}': {hint}"
