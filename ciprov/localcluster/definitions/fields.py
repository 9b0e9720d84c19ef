"""The fields of apps and groups: types, ranges and defaults, old forms included."""

from __future__ import annotations

from typing import Any

from ciprov.localcluster.definitions.ids import is_spelled_well
from ciprov.localcluster.definitions.schema import Choose, Flag, Items, Kind, Number, Record, Table, Text

TEXT = Text()
FLAG = Flag()
COUNT = Number(minimum=0, maximum=2**31 - 1, integer=True)
LONG = Number(minimum=0, integer=True)
AMOUNT = Number(minimum=0)
PORT = Number(minimum=0, maximum=65535, integer=True)
CAPACITY = Number(minimum=0, maximum=1)
LABELS = Table(TEXT)
TIME = Text(pattern=r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)")
NAME = Text(min_length=1, max_length=63, pattern=r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
PORT_NAME = Text(min_length=1, pattern=r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
NETWORK_NAME = Text(min_length=1, max_length=63, pattern=r"[a-z0-9]([-a-z0-9_]*[a-z0-9])?")
PROTOCOL = Text(choices=("tcp", "udp", "udp,tcp"))
PATH = Text(min_length=1, max_length=1024)
PATH_ID = Text(min_length=1, accepts=is_spelled_well)
MODE = Text(choices=("RO", "RW"))

_SECRET_REFERENCE = Record({"secret": TEXT}, required=("secret",))
ENV_VALUE = Choose(lambda value: _SECRET_REFERENCE if isinstance(value, dict) else TEXT)

PORT_DEFINITION = Record({"port": PORT, "labels": LABELS, "name": PORT_NAME, "protocol": PROTOCOL})
PORT_MAPPING = Record(
    {
        "containerPort": PORT,
        "hostPort": PORT,
        "labels": LABELS,
        "name": PORT_NAME,
        "protocol": PROTOCOL,
        "servicePort": PORT,
        "networkNames": Items(NAME),
    }
)
NETWORK = Record(
    {"name": NETWORK_NAME, "mode": Text(choices=("container", "container/bridge", "host")), "labels": LABELS},
    defaults={"mode": "container"},
)
IP_ADDRESS = Record(
    {
        "discovery": Record(
            {
                "ports": Items(
                    Record(
                        {"number": PORT, "name": PORT_NAME, "protocol": PROTOCOL, "labels": LABELS},
                        required=("name",),
                        defaults={"number": 0},
                    )
                )
            }
        ),
        "groups": Items(TEXT),
        "labels": LABELS,
        "networkName": Text(min_length=1),
    }
)
DOCKER = Record(
    {
        "credential": Record({"principal": TEXT, "secret": TEXT}, required=("principal",)),
        "pullConfig": Record({"secret": Text(min_length=1)}, required=("secret",)),
        "forcePullImage": FLAG,
        "image": Text(min_length=1),
        "network": Text(choices=("BRIDGE", "HOST", "NONE", "USER")),
        "parameters": Items(Record({"key": Text(min_length=1), "value": TEXT}, required=("key", "value"))),
        "portMappings": Items(PORT_MAPPING),
        "privileged": FLAG,
    },
    required=("image",),
)
_CONSTRAINT = Items(TEXT, min_items=2, max_items=3)
_PERSISTENT = Record(
    {
        "type": Text(choices=("root", "path", "mount")),
        "size": LONG,
        "maxSize": LONG,
        "profileName": Text(min_length=1),
        "constraints": Items(_CONSTRAINT),
    },
    required=("size",),
    defaults={"type": "root", "constraints": []},
)
_EXTERNAL = Record(
    {
        "name": Text(min_length=1),
        "provider": Text(min_length=1),
        "options": Table(TEXT),
        "size": LONG,
        "shared": FLAG,
    },
    defaults={"options": {}, "shared": False},
)


def _volume_kind(value: Any) -> Kind:
    given = value if isinstance(value, dict) else {}
    common: dict[str, Kind] = {"containerPath": PATH, "mode": MODE}
    for name, kind in (("persistent", _PERSISTENT), ("external", _EXTERNAL)):
        if given.get(name) is not None:
            return Record({**common, name: kind}, required=("containerPath",), defaults={"mode": "RW"})
    if given.get("secret") is not None:
        return Record({"containerPath": PATH, "secret": TEXT}, required=("containerPath",))
    return Record({**common, "hostPath": PATH}, required=("containerPath", "hostPath"), defaults={"mode": "RW"})


_SECCOMP = Record({"profileName": TEXT, "unconfined": FLAG}, defaults={"unconfined": False})
_IPC = Record({"mode": Text(choices=("PRIVATE", "SHARE_PARENT")), "shmSize": COUNT}, required=("mode",))
CONTAINER = Record(
    {
        "type": Text(choices=("MESOS", "DOCKER")),
        "docker": DOCKER,
        "linuxInfo": Record({"seccomp": _SECCOMP, "ipcInfo": _IPC}),
        "volumes": Items(Choose(_volume_kind)),
        "portMappings": Items(PORT_MAPPING),
    },
    defaults={"type": "DOCKER"},
)
HEALTH_CHECK = Record(
    {
        "command": Record({"value": TEXT}, required=("value",)),
        "gracePeriodSeconds": COUNT,
        "ignoreHttp1xx": FLAG,
        "intervalSeconds": COUNT,
        "maxConsecutiveFailures": COUNT,
        "path": TEXT,
        "port": PORT,
        "portIndex": PORT,
        "protocol": Text(choices=("HTTP", "HTTPS", "TCP", "COMMAND", "MESOS_TCP", "MESOS_HTTP", "MESOS_HTTPS")),
        "ipProtocol": Text(choices=("IPv4", "IPv6")),
        "timeoutSeconds": COUNT,
        "delaySeconds": COUNT,
    }
)
READINESS_CHECK = Record(
    {
        "name": Text(min_length=1),
        "protocol": Text(choices=("HTTP", "HTTPS")),
        "path": PATH,
        "portName": PORT_NAME,
        "intervalSeconds": COUNT,
        "timeoutSeconds": Number(minimum=1, maximum=2**31 - 1, integer=True),
        "httpStatusCodesForReady": Items(Number(minimum=100, maximum=999, integer=True), min_items=1),
        "preserveLastResponse": FLAG,
    }
)
_STATUS_CHECK = Record(
    {
        "exec": Record({"command": Record({"shell": TEXT, "argv": Items(TEXT)})}, required=("command",)),
        "http": Record({"port": PORT, "portIndex": PORT, "path": TEXT, "scheme": Text(choices=("HTTP", "HTTPS"))}),
        "tcp": Record({"port": PORT, "portIndex": PORT}),
        "intervalSeconds": COUNT,
        "timeoutSeconds": COUNT,
        "delaySeconds": COUNT,
    },
    defaults={"intervalSeconds": 60, "timeoutSeconds": 20, "delaySeconds": 15},
)
_LIMIT = Choose(lambda value: Text(choices=("unlimited",)) if isinstance(value, str) else AMOUNT)
_UNREACHABLE = Choose(
    lambda value: (
        Text(choices=("disabled",))
        if isinstance(value, str)
        else Record(
            {"inactiveAfterSeconds": LONG, "expungeAfterSeconds": LONG},
            defaults={"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0},
        )
    )
)

APP_FIELDS: dict[str, Kind] = {
    "id": PATH_ID,
    "acceptedResourceRoles": Items(TEXT),
    "args": Items(TEXT),
    "backoffFactor": Number(minimum=1),
    "backoffSeconds": COUNT,
    "cmd": Text(min_length=1),
    "constraints": Items(_CONSTRAINT),
    "container": CONTAINER,
    "cpus": Number(minimum=0.001),
    "dependencies": Items(PATH_ID),
    "disk": AMOUNT,
    "env": Table(ENV_VALUE),
    "executor": Text(pattern=r"(//cmd)|(/?[^/]+(/[^/]+)*)|"),
    "executorResources": Record(
        {"cpus": Number(minimum=0.1), "mem": Number(minimum=32), "disk": Number(minimum=10)},
        defaults={"cpus": 0.1, "mem": 32, "disk": 10},
    ),
    "fetch": Items(
        Record(
            {
                "uri": Text(min_length=1, max_length=1024),
                "extract": FLAG,
                "executable": FLAG,
                "cache": FLAG,
                "destPath": PATH,
            },
            required=("uri",),
        )
    ),
    "healthChecks": Items(HEALTH_CHECK),
    "check": _STATUS_CHECK,
    "instances": COUNT,
    "labels": LABELS,
    "maxLaunchDelaySeconds": COUNT,
    "mem": AMOUNT,
    "gpus": COUNT,
    "ipAddress": IP_ADDRESS,
    "networks": Items(NETWORK),
    "ports": Items(PORT),
    "portDefinitions": Items(PORT_DEFINITION),
    "readinessChecks": Items(READINESS_CHECK),
    "residency": Record(
        {
            "relaunchEscalationTimeoutSeconds": LONG,
            "taskLostBehavior": Text(choices=("WAIT_FOREVER", "RELAUNCH_AFTER_TIMEOUT")),
        },
        defaults={"relaunchEscalationTimeoutSeconds": 3600, "taskLostBehavior": "WAIT_FOREVER"},
    ),
    "resourceLimits": Record({"cpus": _LIMIT, "mem": _LIMIT}),
    "requirePorts": FLAG,
    "secrets": Table(Record({"source": Text(min_length=1)}, required=("source",))),
    "taskKillGracePeriodSeconds": COUNT,
    "upgradeStrategy": Record(
        {"maximumOverCapacity": CAPACITY, "minimumHealthCapacity": CAPACITY},
        required=("maximumOverCapacity", "minimumHealthCapacity"),
    ),
    "uris": Items(Text(min_length=1, max_length=1024)),
    "user": TEXT,
    "version": TIME,
    "versionInfo": Record({"lastScalingAt": TIME, "lastConfigChangeAt": TIME}),
    "killSelection": Text(choices=("YOUNGEST_FIRST", "OLDEST_FIRST")),
    "unreachableStrategy": _UNREACHABLE,
    "tty": FLAG,
    "role": Text(min_length=1),
}
APP = Record(APP_FIELDS, required=("id",))
APP_UPDATE = Record(APP_FIELDS)


def _subgroup(_: Any) -> Kind:
    return Record(_GROUP_FIELDS, required=("id",))


_GROUP_FIELDS: dict[str, Kind] = {
    "id": PATH_ID,
    "apps": Items(APP),
    "groups": Items(Choose(_subgroup)),
    "dependencies": Items(PATH_ID),
    "scaleBy": AMOUNT,
    "version": TIME,
    "enforceRole": FLAG,
}
GROUP_UPDATE = Record(_GROUP_FIELDS)
GROUP_PATCH = Record({"enforceRole": FLAG})
