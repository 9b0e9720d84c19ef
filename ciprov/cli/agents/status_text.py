"""The documents of the agent service, for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ciprov.cli.output import table
from ciprov.foundation.clock import for_people
from ciprov.foundation.json import JsonObject
from ciprov.foundation.shortening import shortened

_TIMES = {
    "queue_to_accept": "queue to ACCEPT",
    "accept_to_online": "ACCEPT to online",
    "online_to_busy": "online to busy",
}
_RECENT = 10
_CELL = 90
_LINE = 240
"""Characters of a cause in a table, and in a line of its own. The whole stands in JSON, and where one is asked for."""


def status_text(found: JsonObject, cluster: str) -> str:
    return "\n\n".join(part for part in _parts(found, cluster) if part)


def _parts(found: JsonObject, cluster: str) -> Iterator[str]:
    framework = f", framework {found['framework_id']}" if found["framework_id"] else ""
    queue = found["queue"]
    spared = "".join(f", {why} {count}" for why, count in queue["spared"].items())
    yield "\n".join(
        [
            f"service {found['service']} of cluster {cluster}{framework}",
            f"jenkins  {_peer(found['jenkins'])}",
            f"mesos    {_peer(found['mesos'])}",
            f"queue    items {queue['items']}, wanted {queue['wanted']}{spared}",
        ]
    )
    rows = [
        [one["template"], str(one["agents"]), str(one["wanted"]), _phases(one["phases"]), _state(one)]
        for one in found["templates"]
    ]
    yield table(("TEMPLATE", "AGENTS", "WANTED", "PHASES", "STATE"), rows)
    yield "\n".join(_pause(one) for one in found["pauses"])
    if found["agents"]:
        yield table(
            ("AGENT", "TEMPLATE", "PHASE", "SINCE", "HOST", "FOR", "BUILD", "NOTE"),
            [_agent_row(one) for one in found["agents"]],
        )
    yield _figures(found)
    if found["recent"]:
        rows = [
            [_moment(one["ended"]), one["agent"], one["template"], one["host"], _builds(one), why]
            for one, why in zip(found["recent"][:_RECENT], _whys(found), strict=True)
        ]
        yield table(("ENDED", "AGENT", "TEMPLATE", "HOST", "BUILDS", "WHY"), rows)


def agent_text(one: JsonObject) -> str:
    lines = [
        f"agent {one['agent']} of template {one['template']}: {one['phase']} for {_duration(one['seconds'])}",
        *_named("why it ended", _why(one)),
        *_named("leaving, because", one["leaving"]),
        *_named("no place, because", one["held"]),
        *_named("for", _purpose(one)),
        *_named("builds", " ".join(one["builds"])),
        *_named("host", f"{one['host']} (Mesos agent {one['mesos_agent']})" if one["host"] else ""),
        *_named("labels", " ".join(one["labels"])),
        *_named("task", _task(one["task"])),
        *_named("log in Jenkins", one["links"]["jenkins_log"]),
        *_named("sandbox", one["links"]["sandbox"]),
    ]
    rows = [[_moment(moment), phase] for phase, moment in one["times"].items()]
    return "\n".join([*lines, "", table(("WHEN", "PHASE"), rows)]) if rows else "\n".join(lines)


def why_text(found: JsonObject) -> str:
    parts = ["\n".join(line for line in (found["answer"], found["way_out"], *found["notes"]) if line)]
    if found["templates"]:
        rows = [
            [
                "*" * one["chosen"],
                one["template"],
                str(one["agents"]),
                " ".join(one["labels"]),
                _hindered(one["hindered"], found["answer"]),
            ]
            for one in found["templates"]
        ]
        parts.append(table(("", "TEMPLATE", "AGENTS", "LABELS", "HINDERED"), rows))
    if found["items"]:
        rows = [
            [str(one["item"]), one["job"], _duration(one["seconds"]), "yes" if one["comes"] else "no", _of_item(one)]
            for one in found["items"]
        ]
        parts.append(table(("ITEM", "JOB", "WAITS", "AGENT", "WHY"), rows))
    if found["agents"]:
        rows = [
            [one["agent"], one["template"], one["phase"], _moment(one["since"]), one["held"]] for one in found["agents"]
        ]
        parts.append(table(("AGENT AT HAND", "TEMPLATE", "PHASE", "SINCE", "NO PLACE, BECAUSE"), rows))
    if found["nodes"]:
        rows = [[one["node"], one["state"], one["template"] if one["ours"] else "not ours"] for one in found["nodes"]]
        parts.append(table(("NODE", "STATE", "TEMPLATE"), rows))
    return "\n\n".join(parts)


def _peer(peer: JsonObject) -> str:
    state = "up" if peer["up"] else "DOWN"
    since = f" since {_moment(peer['since'])}" if peer["since"] else ""
    version = f", version {peer['version']}" if peer["version"] else ""
    message = f": {peer['message']}" if peer["message"] else ""
    return f"{peer['target']} {state}{since}{version}{message}"


def _phases(phases: JsonObject) -> str:
    return ", ".join(f"{count} {phase}" for phase, count in phases.items())


def _state(template: JsonObject) -> str:
    if not template["configured"]:
        return "not in the settings any more"
    most = f"at most {template['most']}" if template["most"] else ""
    return _hindered(template["hindered"], template["hindered"]) or most


def _hindered(reason: str, told: str) -> str:
    """Without what it failed of where that is told beside it."""
    return reason.partition(": ")[0] if reason in told else shortened(reason, _CELL)


def _pause(pause: JsonObject) -> str:
    times = "once" if pause["failures"] == 1 else f"{pause['failures']} times in a row"
    failed = shortened(_why(pause), _LINE)
    undo = f"ciprov agents resume {pause['template']}"
    return f"template {pause['template']} failed {times}: {failed}\n  once that is mended: {undo}"


def _whys(found: JsonObject) -> Iterator[str]:
    """Why the latest ones ended, each thing once."""
    told = {_told(one) for one in found["pauses"]}
    for one in found["recent"][:_RECENT]:
        yield str(one["why"]) if _told(one) in told else shortened(_why(one), _CELL)
        told.add(_told(one))


def _told(one: JsonObject) -> tuple[str, ...]:
    return one["template"], one["why"], " ".join(one["detail"].split())[:_LINE]


def _moment(told: str) -> str:
    return for_people(datetime.fromisoformat(told))


def _agent_row(one: JsonObject) -> list[str]:
    note = one["held"] or one["leaving"] or ("SECOND BUILD" if one["leaks"] else "")
    build = one["builds"][-1] if one["builds"] else ""
    return [
        one["agent"],
        one["template"],
        one["phase"],
        _duration(one["seconds"]),
        one["host"],
        _purpose(one),
        build,
        note,
    ]


def _purpose(one: JsonObject) -> str:
    if one["unique_label"]:
        return f"label {one['unique_label']}"
    return " ".join(part for part in (f"item {one['item']}" if one["item"] else "", one["job"]) if part)


def _figures(found: JsonObject) -> str:
    rows = [
        [text, str(times["count"]), _seconds(times["p50"]), _seconds(times["p95"])]
        for key, text in _TIMES.items()
        if (times := found["times"][key])["count"]
    ]
    failures = ", ".join(f"{count} {cause}" for cause, count in found["failures"].items())
    lines = [
        *([table(("TIME", "AGENTS", "P50", "P95"), rows)] if rows else []),
        f"second builds {found['leaks']}, surplus {found['surplus']}, failures {failures or '0'}",
    ]
    return "\n".join(lines)


def _of_item(one: JsonObject) -> str:
    why = shortened(one["why"], _CELL)
    return f"{why}; no place: {one['held']}" if one["held"] else why


def _builds(one: JsonObject) -> str:
    return str(max(len(one["builds"]), int(one["worked"])))


def _why(one: JsonObject) -> str:
    return f"{one['why']}: {one['detail']}" if one["detail"] else str(one["why"])


def _task(task: Any) -> str:
    if not task:
        return ""
    parts = (task["state"], task["outcome"], task["reason"], task["message"])
    return ", ".join(str(part) for part in parts if part)


def _named(name: str, value: str) -> list[str]:
    return [f"  {name}: {value}"] if value else []


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
