"""The Jenkinsfile and those in documents: they parse, are declarative as Jenkins has it, and call steps that exist."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from pipelines import LIBRARY, REPOSITORY, SOURCES, java

BLOCK = re.compile(r"^```groovy\n(.*?)^```$", re.DOTALL | re.MULTILINE)
Call = Mapping[str, Any]

PIPELINE = {"agent", "environment", "options", "parameters", "triggers", "tools", "libraries", "stages", "post"}
STAGE = {"agent", "environment", "options", "tools", "input", "when", "steps", "stages", "parallel", "matrix"}
STAGE |= {"failFast", "post"}
CONDITIONS = ["always", "changed", "fixed", "regression", "aborted", "failure", "success", "unstable", "unsuccessful"]
CONDITIONS += ["notBuilt", "cleanup"]
# Steps of the plugins that docs/jenkinsfiles.md asks for.
STEPS = {"sh", "echo", "error", "checkout", "archiveArtifacts", "junit", "script", "stash", "unstash", "timeout", "dir"}
STEPS |= {"withEnv", "withCredentials", "usernamePassword", "git", "catchError", "unstable", "node", "retry", "build"}
LIBRARY_STEPS = {file.stem for file in LIBRARY.glob("*.groovy")}


def sources() -> dict[str, str]:
    found = {"Jenkinsfile": (REPOSITORY / "Jenkinsfile").read_text()}
    for document in ("README.md", "docs/jenkinsfiles.md"):
        for number, block in enumerate(BLOCK.findall((REPOSITORY / document).read_text()), 1):
            found[f"{document}, block {number}"] = block
    for file in sorted((REPOSITORY / "jobs" / "pipelines").glob("*.groovy")):
        found[f"jobs/pipelines/{file.name}"] = file.read_text()
    return found


@cache
def trees() -> dict[str, dict[str, Any]]:
    return dict(zip(sources(), parsed(list(sources().values())), strict=True))


def parsed(texts: list[str]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [*java("pipelines", SOURCES), "groovy.ui.GroovyMain", str(SOURCES / "CallTree.groovy")],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def problems(tree: Mapping[str, Any]) -> list[str]:
    if "error" in tree:
        return [tree["error"]]
    found: list[str] = []
    for call in tree["calls"]:
        if call["name"] == "pipeline":
            found += directives(call, PIPELINE, {"agent", "stages"})
            found += [one for stages in named(call, "stages") for stage in stages["calls"] for one in stage_of(stage)]
            found += [one for post in named(call, "post") for one in post_of(post)]
    every = list(all_calls(tree["calls"]))
    return found + [one for call in every for one in library_call(call)]


def stage_of(call: Call) -> list[str]:
    if call["name"] != "stage" or not call["block"]:
        return [f"{call['line']}: {call['name']} where a stage should stand"]
    found = directives(call, STAGE, set())
    work = [one["name"] for one in call["calls"] if one["name"] in {"steps", "stages", "parallel", "matrix"}]
    if len(work) != 1:
        found.append(f"{call['line']}: a stage has one of steps, stages, parallel, matrix, not {work}")
    for steps in named(call, "steps"):
        found += steps_of(steps)
    for inner in [*named(call, "stages"), *named(call, "parallel")]:
        found += [one for stage in inner["calls"] for one in stage_of(stage)]
    return found + [one for post in named(call, "post") for one in post_of(post)]


def post_of(call: Call) -> list[str]:
    return directives(call, set(CONDITIONS), set()) + [one for inner in call["calls"] for one in steps_of(inner)]


def steps_of(call: Call) -> list[str]:
    """Of a block in which only steps may stand; below `script` anything may."""
    found = []
    for one in call["calls"]:
        if one["on"] != "this" or one["name"] not in STEPS | LIBRARY_STEPS:
            found.append(f"{one['line']}: {one['on']}.{one['name']} is no step")
        elif one["block"] and one["name"] != "script":
            found += steps_of({**one, "calls": [inner for inner in one["calls"] if inner["on"] == "this"]})
    return found


def directives(call: Call, known: set[str], needed: set[str]) -> list[str]:
    names = [one["name"] for one in call["calls"] if one["on"] == "this" and one["line"] >= call["line"]]
    found = [f"{call['line']}: {call['name']} has no {name}" for name in names if name not in known]
    found += [f"{call['line']}: {call['name']} has {name} twice" for name in set(names) if names.count(name) > 1]
    return found + [f"{call['line']}: {call['name']} needs {name}" for name in needed - set(names)]


def library_call(call: Call) -> list[str]:
    name = call["name"]
    if call["on"] != "this" or not name.startswith("ciprov"):
        return []
    if name not in LIBRARY_STEPS:
        return [f"{call['line']}: the library has no {name}"]
    text = (LIBRARY / f"{name}.txt").read_text()
    if name == "ciprovEnv":
        text += (LIBRARY / "ciprovUp.txt").read_text()
    strange = [one for one in call["options"] if f"<code>{one}</code>" not in text]
    return [f"{call['line']}: {name} has no option {one}" for one in strange]


def named(call: Call, name: str) -> list[Call]:
    return [one for one in call["calls"] if one["name"] == name]


def all_calls(calls: list[Call]) -> Iterator[Call]:
    for call in calls:
        yield call
        yield from all_calls(call["calls"])


@pytest.mark.parametrize("source", list(sources()))
def test_sound(source: str) -> None:
    assert problems(trees()[source]) == []


WRONG = {
    "pipeline { agent any; stages { stage('a') { steps { sh 'x' } } ": "expecting",
    "pipeline { stages { stage('a') { steps { sh 'x' } } } }": "pipeline needs agent",
    "pipeline { agent none; stages { stage('a') { step { sh 'x' } } } }": "stage has no step",
    "pipeline { agent none; stages { stage('a') { when { branch 'b' } } } }": "a stage has one of steps",
    "pipeline { agent none; stages { stage('a') { steps { shell 'x' } } } }": "shell is no step",
    "pipeline { agent none; stages { stage('a') { steps { env.put('a', 'b') } } } }": "env.put is no step",
    "pipeline { agent none; stages { stage('a') { steps { ciprovAgent('m') { shell 'x' } } } } }": "shell is no step",
    "pipeline { agent none; stages { } \n post { allways { sh 'x' } } }": "post has no allways",
    "ciprovUp(nam: 'x')": "ciprovUp has no option nam",
    "node('x') { ciprovDow('x') }": "the library has no ciprovDow",
}


def test_what_is_wrong_is_found() -> None:
    found = [problems(tree) for tree in parsed(list(WRONG))]
    assert [any(told in one for one in those) for told, those in zip(WRONG.values(), found, strict=True)] == (
        [True] * len(WRONG)
    ), found


def test_documents_show_jenkinsfiles() -> None:
    assert len(sources()) >= 8
