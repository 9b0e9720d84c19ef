"""The kinds of failure: words that stay the same over releases, for programs; what to do about each, for people."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Kind(StrEnum):
    """Why an environment, or an app of it, is not as it shall be."""

    # the image, the command, what a task needs to start
    IMAGE_MISSING = "image-missing"
    REGISTRY_UNREACHABLE = "registry-unreachable"
    COMMAND_NOT_FOUND = "command-not-found"
    CONTAINER_REFUSED = "container-refused"
    NETWORK_MISSING = "network-missing"
    FETCH_FAILED = "fetch-failed"
    VOLUME_ATTACHED = "volume-attached"
    VOLUME_FAILED = "volume-failed"
    LAUNCH_TIMED_OUT = "launch-timed-out"
    # how tasks end
    OUT_OF_MEMORY = "out-of-memory"
    DISK_EXCEEDED = "disk-exceeded"
    TASK_FAILED = "task-failed"
    CRASH_LOOP = "crash-loop"
    COMMAND_ENDED = "command-ended"
    BACK_OFF = "queue-back-off"
    # what no agent gives
    PORT_NOT_OFFERED = "port-not-offered"
    PORT_HELD = "port-held"
    PORTS_SHORT = "ports-short"
    NO_AGENT_WITH_ATTRIBUTE = "no-agent-with-attribute"
    CONSTRAINT_EXHAUSTED = "constraint-exhausted"
    CPUS_SHORT = "cpus-short"
    MEM_SHORT = "mem-short"
    DISK_SHORT = "disk-short"
    GPUS_SHORT = "gpus-short"
    ROLE_NOT_OFFERED = "role-not-offered"
    RESERVATION_MISSING = "reservation-missing"
    AGENTS_IN_MAINTENANCE = "agents-in-maintenance"
    NO_AGENTS = "no-agents"
    NO_OFFERS = "no-offers"
    UNREACHABLE_AGENT = "unreachable-agent"
    # health
    HEALTH_PATH_WRONG = "health-path-wrong"
    HEALTH_PORT_CLOSED = "health-port-closed"
    HEALTH_TIMED_OUT = "health-timed-out"
    HEALTH_FAILING = "health-failing"
    HEALTH_SILENT = "health-silent"
    DEPENDENCY_SICK = "dependency-sick"
    # operations and Marathon
    LOCKED = "locked"
    PORT_CONFLICT = "port-conflict"
    QUOTA_EXCEEDED = "quota-exceeded"
    DEPLOYMENT_STUCK = "deployment-stuck"
    TASKS_LINGER = "tasks-linger"
    HOOK_FAILED = "hook-failed"
    TIMED_OUT = "timed-out"
    WRONG_CREDENTIALS = "wrong-credentials"
    NOT_ALLOWED = "not-allowed"
    NO_LEADER = "no-leader"
    MARATHON_UNREACHABLE = "marathon-unreachable"
    TLS_ERROR = "tls-error"
    MARATHON_REFUSED = "marathon-refused"
    BLUEPRINT_ERROR = "blueprint-error"
    PARAMETER_ERROR = "parameter-error"
    OUTSIDE_HAND = "outside-hand"
    UNKNOWN = "unknown"


WAYS_OUT: Mapping[Kind, str] = {
    Kind.IMAGE_MISSING: "check the image's name and tag, push it, or have the agents fetch credentials (docker.tar.gz) "
    "for its registry",
    Kind.REGISTRY_UNREACHABLE: "see whether the registry can be reached from the agents; it is tried again",
    Kind.COMMAND_NOT_FOUND: "correct `cmd` or `args`, or use an image that has the program",
    Kind.CONTAINER_REFUSED: "see what the message names: correct the app's `container`, or mend the agent",
    Kind.NETWORK_MISSING: "create the network on the agents, or name one that is there under `networks`",
    Kind.FETCH_FAILED: "check the addresses under `fetch`, from the agent",
    Kind.VOLUME_ATTACHED: "wait until its former agent lets go of it, detach it there, or see who else uses its name",
    Kind.VOLUME_FAILED: "see the volume driver's log on the agent",
    Kind.LAUNCH_TIMED_OUT: "a large image may take longer to pull than the agent's executor_registration_timeout: pull "
    "it beforehand, or raise that",
    Kind.OUT_OF_MEMORY: "raise `mem`, or have the program use less",
    Kind.DISK_EXCEEDED: "raise `disk`, or have the program write less into its sandbox",
    Kind.TASK_FAILED: "`ciprov env logs NAME APP` shows what it wrote",
    Kind.CRASH_LOOP: "`ciprov env logs NAME APP` shows what it wrote",
    Kind.COMMAND_ENDED: "a service has to keep running: have `cmd` stay in the foreground",
    Kind.BACK_OFF: "wait, or `DELETE /v2/queue/APP/delay`; a changed definition is tried at once",
    Kind.PORT_NOT_OFFERED: "choose a port that agents offer, or have the agents offer this one",
    Kind.PORT_HELD: "take down what holds it, give the app another port, or let the port be free (requirePorts false, "
    "hostPort 0)",
    Kind.PORTS_SHORT: "take something down, or add an agent",
    Kind.NO_AGENT_WITH_ATTRIBUTE: "correct the constraint, or give an agent the attribute",
    Kind.CONSTRAINT_EXHAUSTED: "ask for fewer instances, add agents, or loosen the constraint",
    Kind.CPUS_SHORT: "ask for fewer cpus, take something down, or add an agent",
    Kind.MEM_SHORT: "ask for less memory, take something down, or add an agent",
    Kind.DISK_SHORT: "ask for less disk, take something down, or add an agent",
    Kind.GPUS_SHORT: "ask for fewer gpus, take something down, or add an agent",
    Kind.ROLE_NOT_OFFERED: "correct `acceptedResourceRoles`, or reserve an agent for the role",
    Kind.RESERVATION_MISSING: "bring back the agent that keeps its volume, or give the volume up",
    Kind.AGENTS_IN_MAINTENANCE: "wait for the end of the maintenance, or add an agent",
    Kind.NO_AGENTS: "start an agent, or see why none is registered with the master",
    Kind.NO_OFFERS: "see whether the agents have anything left and whether Marathon is registered with the master",
    Kind.UNREACHABLE_AGENT: "bring the agent back; what follows until then is up to the app's `unreachableStrategy`",
    Kind.HEALTH_PATH_WRONG: "correct the `path` of the health check, or what the app answers there",
    Kind.HEALTH_PORT_CLOSED: "have the app listen on the port that it is given ($PORT0, on $HOST or 0.0.0.0), or "
    "correct the check's port",
    Kind.HEALTH_TIMED_OUT: "see what the app waits for, or raise the check's `timeoutSeconds`",
    Kind.HEALTH_FAILING: "see what the app answers, and its log",
    Kind.HEALTH_SILENT: "wait for the end of the grace period; a shorter `gracePeriodSeconds` tells sooner",
    Kind.DEPENDENCY_SICK: "mend what it waits for",
    Kind.LOCKED: "wait for its end, or have its owner cancel it, then repeat the command",
    Kind.PORT_CONFLICT: "take down what holds it, or give the app another port",
    Kind.QUOTA_EXCEEDED: "remove or shrink another environment of the team, or have its quota raised",
    Kind.DEPLOYMENT_STUCK: "look at it in Marathon; `ciprov env up` takes the environment up again",
    Kind.TASKS_LINGER: "look at the agents they run on, end them there, and repeat the command",
    Kind.HOOK_FAILED: "correct the hook, or what it found, and repeat the command",
    Kind.TIMED_OUT: "see what the app is doing, or give it longer with --timeout",
    Kind.WRONG_CREDENTIALS: "check the cluster's credentials (ciprov config show)",
    Kind.NOT_ALLOWED: "ask who runs the cluster for the permission",
    Kind.NO_LEADER: "see whether ZooKeeper and the other Marathons are well; an election takes some seconds",
    Kind.MARATHON_UNREACHABLE: "see whether Marathon runs there and can be reached from here (ciprov config show)",
    Kind.TLS_ERROR: "set the cluster's `tls.ca` to the authority's file",
    Kind.MARATHON_REFUSED: "correct what Marathon names",
    Kind.BLUEPRINT_ERROR: "correct the blueprint; `ciprov blueprint check` reads it without starting anything",
    Kind.PARAMETER_ERROR: "give the parameter a value that the blueprint allows",
    Kind.OUTSIDE_HAND: "`ciprov env up` takes it up again",
    Kind.UNKNOWN: "",
}

AT_ONCE = frozenset({Kind.IMAGE_MISSING, Kind.COMMAND_NOT_FOUND, Kind.NETWORK_MISSING})
"""No further try and no other app mends these. What an agent refuses (TASK_ERROR) may be a race for resources, or an
engine that is away.
"""

PLACEMENT = frozenset(
    {
        Kind.PORT_NOT_OFFERED,
        Kind.PORT_HELD,
        Kind.PORTS_SHORT,
        Kind.NO_AGENT_WITH_ATTRIBUTE,
        Kind.CONSTRAINT_EXHAUSTED,
        Kind.CPUS_SHORT,
        Kind.MEM_SHORT,
        Kind.DISK_SHORT,
        Kind.GPUS_SHORT,
        Kind.ROLE_NOT_OFFERED,
        Kind.RESERVATION_MISSING,
        Kind.AGENTS_IN_MAINTENANCE,
        Kind.NO_AGENTS,
        Kind.NO_OFFERS,
    }
)
"""What keeps a task from being started, and explains nothing once it runs."""

HEALTH = frozenset(
    {
        Kind.HEALTH_PATH_WRONG,
        Kind.HEALTH_PORT_CLOSED,
        Kind.HEALTH_TIMED_OUT,
        Kind.HEALTH_FAILING,
        Kind.HEALTH_SILENT,
    }
)
