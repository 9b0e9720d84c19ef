"""How a task ended, read from `lastTaskFailure`: the words of Marathon, of both containerizers of Mesos, and of Docker.

The Docker containerizer passes on what the `docker` command wrote; Mesos' own words its failures itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ciprov.environments.diagnosis.cause import Cause
from ciprov.environments.diagnosis.health_checks import health_cause
from ciprov.environments.diagnosis.kinds import Kind
from ciprov.foundation.json import JsonObject

_ENDS: Mapping[str, str] = {
    "failed": "failed",
    "error": "could not be run",
    "killed": "was killed",
    "finished": "ended",
    "lost": "was lost",
    "dropped": "was dropped",
    "gone": "was lost with its agent",
}
_LOST = ("TASK_LOST", "TASK_DROPPED", "TASK_GONE", "TASK_GONE_BY_OPERATOR", "TASK_UNREACHABLE")

_HEALTH = re.compile(
    r"health check(?:s| \d+)? failed(?: \d+ times(?: in a row)?)?[:.]? ?(?:Reason: )?(.*)", re.DOTALL | re.I
)
_PULL = re.compile(
    r"\bpull(?:ing)?\b|manifest|no such image|image .{0,200}not found|repository name not known|docker://|"
    r"registry|provision",
    re.I,
)
_SILENT_REGISTRY = re.compile(
    r"time[d ]*out|i/o timeout|connection refused|no such host|could not resolve|temporary failure|tls handshake|"
    r"network is unreachable|no route to host|toomanyrequests|too many requests|\b50[0-4] |x509|unexpected eof",
    re.I,
)
_VOLUME = re.compile(r"volume|dvdcli|\brbd\b|rexray|persistent", re.I)
_ATTACHED = re.compile(
    r"already (?:attached|in use|mounted|mapped)|in[- ]use|multi-attach|(?:still|is) attached|has watchers|"
    r"attached to (?:another|a different|a host)|image .{0,100}is locked|device or resource busy|still being used",
    re.I,
)
_SIMPLE: Sequence[tuple[re.Pattern[str], Kind, str]] = (
    (re.compile(r"memory limit exceeded|\bOOM\b|out of memory", re.I), Kind.OUT_OF_MEMORY, "it needs more memory"),
    (re.compile(r"disk usage .*exceeds quota|disk quota exceeded", re.I), Kind.DISK_EXCEEDED, "it wrote more"),
    (
        re.compile(r"user \S+ does not exist|user information for|unable to find user", re.I),
        Kind.CONTAINER_REFUSED,
        "the user that it is to run as is not known there",
    ),
    (re.compile(r"failed to fetch", re.I), Kind.FETCH_FAILED, "what it is to fetch could not be fetched"),
    (
        re.compile(
            r"network \S+ (?:was )?not found|unknown CNI network|(?:find|load) .*CNI network|no CNI network", re.I
        ),
        Kind.NETWORK_MISSING,
        "the network that it is to join is not on the agent",
    ),
    (
        re.compile(r"port is already allocated|address already in use|ports are not available", re.I),
        Kind.PORT_HELD,
        "something that Mesos does not know of has its port on the agent",
    ),
    (
        re.compile(
            r"executable file not found|exec format error|status 12[67]\b|no command (?:specified|to run)|"
            r"exec: .*no such file or directory|failed to execute|execvpe? .*no such file",
            re.I,
        ),
        Kind.COMMAND_NOT_FOUND,
        "its command cannot be run",
    ),
    (
        re.compile(r"executor .*(?:did not register|registration timeout)|REGISTRATION_TIMEOUT", re.I),
        Kind.LAUNCH_TIMED_OUT,
        "it did not start within the time that the agent allows",
    ),
    (
        re.compile(r"(?:agent|slave) .*(?:removed|unreachable|lost|disconnected)|health checked failed", re.I),
        Kind.UNREACHABLE_AGENT,
        "its agent was lost",
    ),
)
_MOST_EVIDENCE = 600
_IMAGE_NAMED = re.compile(r"pull ([^\s']+)'?: |image '?([^\s']+)'?|manifest for (\S+)|denied for ([^\s,]+)", re.I)


def current_failure(app: JsonObject) -> JsonObject | None:
    """The last failure of a task of the app's present definition."""
    failure: JsonObject | None = app.get("lastTaskFailure")
    since = (app.get("versionInfo") or {}).get("lastConfigChangeAt") or ""
    return failure if failure and str(failure.get("version") or since) >= since else None


def explain_failure(failure: JsonObject | None) -> str:
    """`lastTaskFailure` in one line; empty where there is none."""
    if not failure:
        return ""
    state = str(failure.get("state", "")).removeprefix("TASK_").lower()
    state = _ENDS.get(state, f"ended as {state}")
    message = str(failure.get("message") or "").strip() or "no message"
    where = f" on {failure['host']}" if failure.get("host") else ""
    when = f" at {failure['timestamp']}" if failure.get("timestamp") else ""
    return f"{state}{where}{when}: {message}"


def cause_of_failure(app: JsonObject) -> Cause | None:
    """What ended the task of the present definition that failed last. None where no failure is known."""
    failure = current_failure(app)
    if failure is None:
        return None
    message = str(failure.get("message") or "").strip()
    evidence = (_one_line(explain_failure(failure)),)
    if found := _HEALTH.search(message):
        return health_cause(app, found[1].strip(), evidence)
    return (
        (_volume(app, message, evidence) if _VOLUME.search(message) else None)
        or (_image(app, message, evidence) if _PULL.search(message) else None)
        or _simple(app, failure, message, evidence)
        or _by_state(app, failure, message, evidence)
    )


def _simple(app: JsonObject, failure: JsonObject, message: str, evidence: tuple[str, ...]) -> Cause | None:
    for pattern, kind, text in _SIMPLE:
        if pattern.search(message):
            return Cause(kind, _told(kind, text, app, failure), evidence)
    return None


def _by_state(app: JsonObject, failure: JsonObject, message: str, evidence: tuple[str, ...]) -> Cause:
    if "status 137" in message and _image_of(app):
        text = f"it was killed with SIGKILL, as what uses more than its memory limit of {_mem(app)} is"
        return Cause(Kind.OUT_OF_MEMORY, text, evidence)
    if failure.get("state") in _LOST:
        text = _told(Kind.UNREACHABLE_AGENT, "its agent was lost", app, failure)
        return Cause(Kind.UNREACHABLE_AGENT, text, evidence)
    if failure.get("state") == "TASK_ERROR":
        return Cause(Kind.CONTAINER_REFUSED, f"its task cannot be run: {_first(message)}", evidence)
    return Cause(Kind.TASK_FAILED, f"its task {_ended(message)}", evidence, _where_to_read(app))


def _where_to_read(app: JsonObject) -> str:
    """The command that shows what it wrote; empty where it is no app of an environment."""
    app_id, name = str(app.get("id", "")), (app.get("labels") or {}).get("CIPROV_ENV")
    if not name:
        return ""
    # An id in which the name stands twice does not tell where the environment begins; `logs` takes whole ids as well.
    short = app_id.partition(f"/{name}/")[2] if app_id.split("/").count(name) == 1 else app_id
    return f"`ciprov env logs {name} {short}` shows what it wrote"


def _image(app: JsonObject, message: str, evidence: tuple[str, ...]) -> Cause | None:
    named = _IMAGE_NAMED.search(message)
    image = _image_of(app) or next((one for one in named.groups() if one), "") if named else _image_of(app)
    if not image:
        return None
    if _SILENT_REGISTRY.search(message):
        return Cause(Kind.REGISTRY_UNREACHABLE, f"the registry of image {image} does not answer as it should", evidence)
    denied = re.search(r"denied|unauthorized|\b40[13]\b", message, re.I)
    why = "its registry does not have it, or not for these credentials" if denied else "there is no such image"
    return Cause(Kind.IMAGE_MISSING, f"image {image} cannot be pulled: {why}", evidence)


def _volume(app: JsonObject, message: str, evidence: tuple[str, ...]) -> Cause | None:
    names = ", ".join(_external_volumes(app)) or "its volume"
    if _ATTACHED.search(message):
        return Cause(Kind.VOLUME_ATTACHED, f"volume {names} is still attached elsewhere", evidence)
    if re.search(r"fail|error|unable|unexpected termination", message, re.I):
        return Cause(Kind.VOLUME_FAILED, f"volume {names} could not be mounted", evidence)
    return None


def _told(kind: Kind, text: str, app: JsonObject, failure: JsonObject) -> str:
    if kind is Kind.OUT_OF_MEMORY:
        return f"{text} than its limit of {_mem(app)}"
    if kind is Kind.DISK_EXCEEDED:
        return f"{text} than its {_number(app.get('disk'))} MiB of disk"
    if kind is Kind.UNREACHABLE_AGENT and failure.get("host"):
        return f"its agent {failure['host']} was lost"
    if kind in (Kind.COMMAND_NOT_FOUND, Kind.FETCH_FAILED):
        return f"{text}: {_first(str(failure.get('message') or ''))}"
    return text


def _ended(message: str) -> str:
    """`Command exited with status 3` → `ended: its command exited with status 3`."""
    if found := re.match(r"(Command|Container) ((?:exited|terminated) with .*)", message):
        return f"ended: its {found[1].lower()} {_first(found[2])}"
    return f"failed: {_first(message) or 'no message'}"


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MOST_EVIDENCE else line[: _MOST_EVIDENCE - 1] + "…"


def _first(message: str) -> str:
    lines = message.strip().splitlines() or [""]
    return lines[0] if len(lines[0]) <= 200 else lines[0][:199] + "…"


def _image_of(app: JsonObject) -> str:
    return str(((app.get("container") or {}).get("docker") or {}).get("image") or "")


def _external_volumes(app: JsonObject) -> list[str]:
    volumes = (app.get("container") or {}).get("volumes") or []
    return [str(one["external"].get("name")) for one in volumes if isinstance(one.get("external"), dict)]


def _mem(app: JsonObject) -> str:
    limit = (app.get("resourceLimits") or {}).get("mem")
    return f"{_number(limit if isinstance(limit, int | float) else app.get('mem', 128))} MiB"


def _number(value: object) -> str:
    return f"{float(value):g}" if isinstance(value, int | float) else "0"
