"""Cases of demand as data: short forms of items, nodes and agents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ciprov.agents.queue.asked_labels import Agent, key
from ciprov.agents.queue.demand import Policy, Seen
from ciprov.agents.template import Template
from ciprov.domain.jenkins import Build, Node, QueueItem, Stage
from ciprov.framework.requests import Wanted

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
_PIPELINE_STEP = "org.jenkinsci.plugins.workflow.support.steps.ExecutorStepExecution$PlaceholderTask"


def item(case: dict[str, Any]) -> QueueItem:
    starts_in, waited = case.get("starts_in"), case.get("buildable_for", 1)
    freestyle = case.get("class", "hudson.model.FreeStyleProject")
    return QueueItem(
        id=case["id"],
        stage=Stage(case.get("stage", "buildable")),
        why=case.get("why", "Waiting for next available executor"),
        label=case.get("label"),
        task_class=_PIPELINE_STEP if case.get("pipeline") else freestyle,
        task_url=case.get("task", f"http://127.0.0.1/job/{case['id']}/"),
        since=NOW - timedelta(minutes=5) + timedelta(seconds=case["id"]),
        starts_at=None if starts_in is None else NOW + timedelta(seconds=starts_in),
        buildable_since=NOW - timedelta(seconds=waited),
        concurrent=case.get("concurrent", False),
    )


def node(name: str, case: dict[str, Any]) -> Node:
    builds = tuple(Build(url) for url in case.get("builds", []))
    executors = case.get("executors", 1)
    fenced = case.get("fenced", False)
    offline = case.get("offline", False) or fenced
    return Node(
        name,
        labels=frozenset({*case.get("labels", []), name}),
        offline=offline,
        fenced=fenced,
        idle=not builds,
        executors=executors,
        idle_executors=0 if offline else executors - len(builds),
        builds=builds,
        built_in=case.get("built_in", False),
    )


def agent(name: str, case: dict[str, Any]) -> Agent:
    return Agent(
        name,
        case["template"],
        frozenset(case["labels"]),
        exclusive=case.get("exclusive", True),
        spent=case.get("spent", False),
        progress=case.get("progress", 0),
        wanted_at=NOW - timedelta(minutes=case.get("wanted_ago", 0)),
        resumable=case.get("resumable", False),
    )


def seen(case: dict[str, Any]) -> Seen:
    items = [item(each) for each in case["items"]]
    keys = {each.id: key(each) for each in items}
    remembered = case.get("remembered", {})
    return Seen(
        items=items,
        nodes=[node(name, each) for name, each in case.get("nodes", {}).items()],
        agents=[agent(name, each) for name, each in case.get("agents", {}).items()],
        labels={keys.get(number, (number, None)): label for number, label in remembered.items()},
    )


def policy(case: dict[str, Any]) -> Policy:
    unique, expressions = case.get("unique", {}), case.get("expressions", {})
    return Policy(
        [
            Template(
                name,
                tuple(labels),
                Wanted(cpus=1),
                expressions=tuple(expressions.get(name, ())),
                exclusive=name not in case.get("open", []),
                unique_prefix=unique.get(name, ""),
            ).for_demand
            for name, labels in case["templates"].items()
        ],
        avoided=case.get("avoided", ()),
    )
