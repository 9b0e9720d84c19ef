"""The fields of Marathon's apps and groups, at every level: types, ranges, and which of them Marathon only answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Text:
    """A text; one of `enum` if given, matching `pattern` as a whole if given (`described` says it in words).

    Where `from_scalar` is set, a number or truth value is taken as it is written: Marathon wants texts there, people
    write `PORT: 8080`.
    """

    enum: tuple[str, ...] = ()
    pattern: str = ""
    described: str = "text"
    from_scalar: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    minimum: float | None = None
    maximum: float | None = None
    integer: bool = False


@dataclass(frozen=True, slots=True)
class Flag:
    pass


@dataclass(frozen=True, slots=True)
class ListOf:
    item: Spec
    shortest: int = 0


@dataclass(frozen=True, slots=True)
class MapOf:
    value: Spec


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping with known members. `answered` are members that Marathon's answers hold and definitions do not."""

    members: Mapping[str, Spec]
    required: tuple[str, ...] = ()
    answered: frozenset[str] = field(default=frozenset())


@dataclass(frozen=True, slots=True)
class OneOf:
    """Several forms; which one is meant shows in the type of the value."""

    choices: tuple[Spec, ...]


@dataclass(frozen=True, slots=True)
class Anything:
    """Passed through unchecked."""


Spec = Text | Number | Flag | ListOf | MapOf | Record | OneOf | Anything

_TEXT = Text()
_SCALAR = Text(from_scalar=True)
_FLAG = Flag()
_AMOUNT = Number(minimum=0)
_COUNT = Number(minimum=0, integer=True)
_PORT = Number(minimum=0, maximum=65535, integer=True)
_FRACTION = Number(minimum=0, maximum=1)
_LABELS = MapOf(_SCALAR)
_PROTOCOL = Text(enum=("tcp", "udp", "udp,tcp", "tcp,udp"))
_PORT_NAME = Text(pattern=r"[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?", described="letters, digits and inner dashes")
_UNTIL = OneOf((_AMOUNT, Text(enum=("unlimited",))))

PORT_DEFINITION = Record({"port": _PORT, "protocol": _PROTOCOL, "name": _PORT_NAME, "labels": _LABELS})
PORT_MAPPING = Record(
    {
        "containerPort": _PORT,
        "hostPort": _PORT,
        "servicePort": _PORT,
        "protocol": _PROTOCOL,
        "name": _PORT_NAME,
        "labels": _LABELS,
        "networkNames": ListOf(_TEXT),
    }
)
NETWORK = Record({"mode": Text(enum=("host", "container", "container/bridge")), "name": _TEXT, "labels": _LABELS})
PARAMETER = Record({"key": _TEXT, "value": _SCALAR}, required=("key", "value"))
DOCKER = Record(
    {
        "image": _TEXT,
        "network": Text(enum=("HOST", "BRIDGE", "NONE", "USER")),
        "portMappings": ListOf(PORT_MAPPING),
        "privileged": _FLAG,
        "parameters": ListOf(PARAMETER),
        "forcePullImage": _FLAG,
        "credential": Record({"principal": _TEXT, "secret": _TEXT}),
        "pullConfig": Record({"secret": _TEXT}, required=("secret",)),
    },
    required=("image",),
)
_VOLUME_CONSTRAINTS = ListOf(ListOf(_SCALAR, shortest=2))
VOLUME = Record(
    {
        "containerPath": _TEXT,
        "hostPath": _TEXT,
        "mode": Text(enum=("RW", "RO")),
        "persistent": Record(
            {
                "size": Number(minimum=0, integer=True),
                "maxSize": Number(minimum=0, integer=True),
                "type": Text(enum=("root", "path", "mount")),
                "profileName": _TEXT,
                "constraints": _VOLUME_CONSTRAINTS,
            }
        ),
        "external": Record(
            {
                "name": _TEXT,
                "provider": _TEXT,
                "size": _COUNT,
                "options": MapOf(_SCALAR),
                "shared": _FLAG,
            },
            required=("name", "provider"),
        ),
        "secret": _TEXT,
    },
    required=("containerPath",),
)
CONTAINER = Record(
    {
        "type": Text(enum=("DOCKER", "MESOS")),
        "docker": DOCKER,
        "volumes": ListOf(VOLUME),
        "portMappings": ListOf(PORT_MAPPING),
        "linuxInfo": Anything(),
    }
)
_COMMAND = Record({"value": _TEXT}, required=("value",))
HEALTH_CHECK = Record(
    {
        "protocol": Text(enum=("HTTP", "HTTPS", "TCP", "COMMAND", "MESOS_HTTP", "MESOS_HTTPS", "MESOS_TCP")),
        "path": _TEXT,
        "command": _COMMAND,
        "port": _PORT,
        "portIndex": _COUNT,
        "gracePeriodSeconds": _COUNT,
        "intervalSeconds": _COUNT,
        "timeoutSeconds": _COUNT,
        "maxConsecutiveFailures": _COUNT,
        "delaySeconds": _COUNT,
        "ignoreHttp1xx": _FLAG,
        "ipProtocol": Text(enum=("IPv4", "IPv6")),
    }
)
READINESS_CHECK = Record(
    {
        "name": _TEXT,
        "protocol": Text(enum=("HTTP", "HTTPS")),
        "path": _TEXT,
        "portName": _TEXT,
        "intervalSeconds": _COUNT,
        "timeoutSeconds": _COUNT,
        "httpStatusCodesForReady": ListOf(Number(minimum=100, maximum=999, integer=True)),
        "preserveLastResponse": _FLAG,
    }
)
FETCH = Record(
    {"uri": _TEXT, "extract": _FLAG, "executable": _FLAG, "cache": _FLAG, "destPath": _TEXT, "outputFile": _TEXT},
    required=("uri",),
)
CONSTRAINT_OPERATORS = ("UNIQUE", "CLUSTER", "GROUP_BY", "LIKE", "UNLIKE", "MAX_PER", "IS")
APP = Record(
    {
        "id": _TEXT,
        "cmd": _TEXT,
        "args": ListOf(_SCALAR),
        "user": _TEXT,
        "env": MapOf(OneOf((_SCALAR, Record({"secret": _TEXT}, required=("secret",))))),
        "secrets": MapOf(Record({"source": _TEXT}, required=("source",))),
        "labels": _LABELS,
        "instances": _COUNT,
        "cpus": _AMOUNT,
        "mem": _AMOUNT,
        "disk": _AMOUNT,
        "gpus": _COUNT,
        "networkBandwidth": _COUNT,
        "resourceLimits": Record({"cpus": _UNTIL, "mem": _UNTIL}),
        "executor": _TEXT,
        "role": _TEXT,
        "acceptedResourceRoles": ListOf(_TEXT),
        "constraints": ListOf(ListOf(_SCALAR, shortest=2)),
        "fetch": ListOf(FETCH),
        "uris": ListOf(_TEXT),
        "storeUrls": ListOf(_TEXT),
        "networks": ListOf(NETWORK),
        "ports": ListOf(_PORT),
        "portDefinitions": ListOf(PORT_DEFINITION),
        "requirePorts": _FLAG,
        "ipAddress": Record(
            {
                "groups": ListOf(_TEXT),
                "labels": _LABELS,
                "discovery": Record({"ports": ListOf(Anything())}),
                "networkName": _TEXT,
            }
        ),
        "container": CONTAINER,
        "healthChecks": ListOf(HEALTH_CHECK),
        "readinessChecks": ListOf(READINESS_CHECK),
        "check": Anything(),
        "dependencies": ListOf(_TEXT),
        "backoffSeconds": _AMOUNT,
        "backoffFactor": Number(minimum=1),
        "maxLaunchDelaySeconds": _AMOUNT,
        "taskKillGracePeriodSeconds": _AMOUNT,
        "killSelection": Text(enum=("YOUNGEST_FIRST", "OLDEST_FIRST")),
        "upgradeStrategy": Record({"minimumHealthCapacity": _FRACTION, "maximumOverCapacity": _FRACTION}),
        "unreachableStrategy": OneOf(
            (
                Record({"inactiveAfterSeconds": _AMOUNT, "expungeAfterSeconds": _AMOUNT}),
                Text(enum=("disabled",)),
            )
        ),
        "residency": Record(
            {
                "relaunchEscalationTimeoutSeconds": _COUNT,
                "taskLostBehavior": Text(enum=("WAIT_FOREVER", "RELAUNCH_AFTER_TIMEOUT")),
            }
        ),
        "tty": _FLAG,
    },
    required=("id",),
    answered=frozenset(
        {
            *("version", "versionInfo", "deployments", "tasks", "tasksStaged", "tasksRunning", "tasksHealthy"),
            *("tasksUnhealthy", "tasksStats", "taskStats", "lastTaskFailure", "readinessCheckResults"),
        }
    ),
)
GROUP_FIELDS = ("id", "apps", "groups", "pods", "dependencies", "enforceRole")
GROUP_ANSWERED = frozenset({"version", "versionInfo"})
GROUP_OWN = Record({"id": _TEXT, "dependencies": ListOf(_TEXT), "enforceRole": _FLAG})


def homes(record: Record = APP, path: str = "") -> dict[str, str]:
    """Every field that lies in mappings alone (not in lists), with its dotted path: `image` → `container.docker.image`.

    Of two places of one name the outer or first one counts.
    """
    found: dict[str, str] = {}
    inner: dict[str, str] = {}
    for name, spec in record.members.items():
        where = f"{path}.{name}" if path else name
        found[name] = where
        if isinstance(spec, Record):
            for deep, deep_path in homes(spec, where).items():
                inner.setdefault(deep, deep_path)
    return {**inner, **found}
