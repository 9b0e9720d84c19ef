"""The keys of a template."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from ciprov.agents.template import FetchUri, Start, Warm
from ciprov.framework.requests import Algorithm
from ciprov.settings.agents import values
from ciprov.settings.agents.container_keys import CONTAINER_KEYS
from ciprov.settings.agents.secrets import SecretSource
from ciprov.settings.agents.shapes import WRONG, Findings, Known, Read, each, members, scalar
from ciprov.settings.document import Entry
from ciprov.settings.fields import text, variable_of_secret


class Protocol(StrEnum):
    WEBSOCKET = "websocket"
    TCP = "tcp"


URI_KEYS: Mapping[str, Known] = {
    "uri": Known(scalar(values.fetched), "where it is"),
    "cache": Known(scalar(values.flag), "the Mesos agent keeps it", "false"),
    "extract": Known(scalar(values.flag), "unpack an archive", "true"),
    "executable": Known(scalar(values.flag), "it may be run", "false"),
    "output_file": Known(scalar(values.file_name), "its name in the sandbox", "as it is called"),
}

WARM_KEYS: Mapping[str, Known] = {
    "count": Known(scalar(values.whole(0, 10_000)), "how many idle agents"),
    "schedule": Known(scalar(values.schedule), "when, such as `Mon-Fri 07:00-19:00 Europe/Berlin`", "always"),
}

SECRET_KEYS: Mapping[str, Known] = {
    "from_env": Known(scalar(variable_of_secret), "the variable of the service that holds it"),
    "from_file": Known(scalar(text), "the file that holds it; a relative path starts at the settings file"),
}


def _expressions(entry: Entry, findings: Findings) -> Any:
    """One, or a list of them."""
    one = scalar(values.expression)
    if isinstance(entry.value, list):
        return each(one, "label expressions")(entry, findings)
    found = one(entry, findings)
    return WRONG if found is WRONG else (found,)


def _options(taken: Mapping[str, str]) -> Read:
    """Options for a program, save those that ciprov gives itself; `taken` says what to do in their place."""

    def parse(raw: Any) -> tuple[str, ...]:
        found = values.words(raw)
        for word in found:
            for option, instead in taken.items():
                if word == option or word.startswith(f"{option}="):
                    raise ValueError(f"'{option}' is given by ciprov: {instead}")
        return found

    return scalar(parse)


def _uri(entry: Entry, findings: Findings) -> Any:
    """An address alone, or a mapping."""
    if isinstance(entry.value, str):
        entry = Entry({"uri": entry}, entry.place)
    found = members(entry, URI_KEYS, findings)
    if not found.wrong and "uri" not in found:
        findings.tell(entry, "uri is wanted")
        return WRONG
    return WRONG if found.wrong else FetchUri(**found.values)


def _warm(entry: Entry, findings: Findings) -> Any:
    """A number, a mapping, or a list of mappings."""
    if isinstance(entry.value, int) and not isinstance(entry.value, bool):
        count = WARM_KEYS["count"].read(entry, findings)
        return WRONG if count is WRONG else (Warm(count),)
    if isinstance(entry.value, dict):
        one = _warm_line(entry, findings)
        return WRONG if one is WRONG else (one,)
    return each(_warm_line, "{count, schedule}")(entry, findings)


def _warm_line(entry: Entry, findings: Findings) -> Any:
    found = members(entry, WARM_KEYS, findings)
    if not found.wrong and "count" not in found:
        findings.tell(entry, "count is wanted: how many idle agents")
        return WRONG
    return WRONG if found.wrong else Warm(**found.values)


def _env(entry: Entry, findings: Findings) -> Any:
    """A mapping from names to texts and `SecretSource`s."""
    if not isinstance(entry.value, dict):
        findings.tell(entry, "a mapping from variables to their values is wanted")
        return WRONG
    given = {name: value for name, value in entry.value.items() if value.value is not None}
    found = {name: _variable(name, value, findings) for name, value in given.items()}
    return WRONG if WRONG in found.values() else found


def _variable(name: str, entry: Entry, findings: Findings) -> Any:
    try:
        values.variable_name(name)
    except ValueError as error:
        findings.tell(entry, str(error))
        return WRONG
    if not isinstance(entry.value, dict):
        return scalar(values.variable_value)(entry, findings)
    found = members(entry, SECRET_KEYS, findings)
    if not set(entry.value) <= set(SECRET_KEYS):
        return WRONG
    if not found.wrong and len(found.values) != 1:
        findings.tell(entry, "either from_env or from_file is wanted")
        return WRONG
    return WRONG if found.wrong else SecretSource(entry.place, **found.values)


def _container(entry: Entry, findings: Findings) -> Any:
    """Its members; what cannot be together in it is told once the defaults are merged in."""
    return members(entry, CONTAINER_KEYS, findings)


TEMPLATE_KEYS: Mapping[str, Known] = {
    "labels": Known(scalar(values.label_names), "what Jenkins knows its agents by", "the template's name"),
    "expressions": Known(
        _expressions, "label expressions: what asks for exactly one of these gets this template before others that fit"
    ),
    "exclusive": Known(scalar(values.flag), "jobs without a label stay away", "true"),
    "unique_prefix": Known(
        scalar(values.label_prefix),
        "who asks for a label that begins so gets an agent of its own",
        "`NAME.TEMPLATE.` of the service and the template",
    ),
    "cpus": Known(scalar(values.number(0.01)), "cores; required"),
    "mem": Known(scalar(values.number(32)), "MiB, for the agent and its builds; required"),
    "disk": Known(scalar(values.number(0)), "MiB", "0"),
    "gpus": Known(scalar(values.whole(0, 1000)), "whole gpus", "0"),
    "ports": Known(
        scalar(values.ports),
        "how many, or a list of port numbers with 0 for any; those of `network` come to them",
        "0",
    ),
    "constraints": Known(
        each(scalar(values.placement), "[field, OPERATOR, value]"),
        "where agents may go, as Marathon has it: EQUAL (IS), LIKE, UNLIKE, UNIQUE, MAX_PER, GROUP_BY, CLUSTER on "
        "`hostname` or an attribute",
    ),
    "roles": Known(scalar(values.roles), "Mesos roles whose offers may be used", "`framework.roles`"),
    "priority": Known(scalar(values.whole(-1000, 1000)), "the higher one goes first", "0"),
    "weight": Known(scalar(values.number(0, above=True)), "its share where several templates wait", "1"),
    "algorithm": Known(
        scalar(values.choice(Algorithm)),
        "`first-fit`, `best-fit` (the fullest), `spread`, or `sticky`: hosts with its caches first",
        "sticky",
    ),
    "expected": Known(
        scalar(values.duration()), "how long a build takes at most: it goes to no agent whose maintenance begins before"
    ),
    "container": Known(_container, "see below", "none"),
    "env": Known(
        _env,
        "variables of the agent; of a secret `{from_env: NAME}` or `{from_file: PATH}`, which its task fetches, once",
    ),
    "uris": Known(each(_uri, "addresses"), "what is fetched into the sandbox; an address or a mapping, see below"),
    "user": Known(scalar(text), "the user of the host that runs it", "`framework.user`"),
    "java": Known(scalar(text), "the program", "java"),
    "jvm_options": Known(_options(values.JVM_TAKEN), "before `-jar`", "`-XX:TieredStopAtLevel=1 -XX:+UseSerialGC`"),
    "arguments": Known(_options(values.ARGUMENTS_TAKEN), "for agent.jar, after ciprov's own"),
    "cached_agent_jar": Known(
        scalar(values.flag),
        "the Mesos agent keeps agent.jar in its fetcher's cache, anew for each version of Jenkins; a Mesos built "
        "without a library for it ends there",
        "false",
    ),
    "protocol": Known(scalar(values.choice(Protocol)), "`websocket` or `tcp`", "websocket"),
    "work_dir": Known(
        scalar(values.absolute),
        "a directory of the host; each agent has its own below it and takes it along",
        "in the sandbox",
    ),
    "jar_cache": Known(
        scalar(values.directory_or_off), "a directory of the host that stays; `off` for none", f"`{Start().jar_cache}`"
    ),
    "class_data": Known(scalar(values.absolute), "a class-data archive of the JVM, used where it exists"),
    "reconnect": Known(
        scalar(values.duration(off=True)), "so long an agent tries to come back to Jenkins; 0: it ends at once", "5m"
    ),
    "most": Known(scalar(values.whole(0)), "agents at once; 0: no limit", "0"),
    "warm": Known(_warm, "idle agents kept ready: a number, or a list of `{count, schedule}`, see below", "0"),
    "idle": Known(scalar(values.duration()), "an agent without a build ends after so long", "1m"),
    "online": Known(scalar(values.duration()), "an agent that is not connected so long after its launch failed", "2m"),
    "grace": Known(scalar(values.duration()), "an agent that is to end gets so long before it is killed", "5s"),
    "unreachable": Known(scalar(values.duration()), "so long a build on a lost host is waited for", "10m"),
    "attempts": Known(
        scalar(values.whole(1, 10)), "after so many failures of one kind in a row the template pauses", "3"
    ),
    "retry": Known(scalar(values.duration()), "the wait after a failure; doubled each time", "1s"),
    "pause": Known(scalar(values.duration()), "how long it pauses", "30m"),
}
"""`Limits` and `Start` of `ciprov.agents.template` have the defaults."""
