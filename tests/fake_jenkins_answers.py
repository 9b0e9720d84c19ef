"""A controller's state in Jenkins's own JSON."""

from __future__ import annotations

from typing import Any

from fake_jenkins_state import Build, Controller, FakeNode, Item, Job
from label_truth import told

_FREESTYLE = "hudson.model.FreeStyle"
_PIPELINE_JOB = "org.jenkinsci.plugins.workflow.job.WorkflowJob"
_PIPELINE_RUN = "org.jenkinsci.plugins.workflow.job.WorkflowRun"
_PIPELINE_STEP = "org.jenkinsci.plugins.workflow.support.steps.ExecutorStepExecution$PlaceholderTask"

DEFAULT_TREES = {
    "queue": "discoverableItems,items[actions,blocked,buildable,id,inQueueSince,params,stuck,task[name,url,color],url,"
    "why,buildableStartMilliseconds,pending,timestamp]",
    "computer": "actions,assignedLabels[name],description,displayName,executors,icon,iconClassName,idle,jnlpAgent,"
    "launchSupported,manualLaunchAllowed,monitorData,numExecutors,offline,offlineCause[timestamp,description],"
    "offlineCauseReason,oneOffExecutors,temporarilyOffline,absoluteRemotePath",
}
DEFAULT_TREES["computers"] = f"busyExecutors,computer[{DEFAULT_TREES['computer']}],displayName,totalExecutors"


class Answers:
    """`url` is the root address, with a slash at its end."""

    def __init__(self, controller: Controller, url: str) -> None:
        self._controller = controller
        self._url = url

    def queue(self) -> dict[str, Any]:
        items = [self.item(item) for item in reversed(self._controller.items)]
        return {"_class": "hudson.model.Queue", "discoverableItems": [], "items": items}

    def item(self, item: Item) -> dict[str, Any]:
        controller = self._controller
        waiting = controller.now() < item.due or not (item.buildable_since or item.blocked)
        left = item.id in controller.left
        kind = "Left" if left else "Waiting" if waiting else "Blocked" if item.blocked else "Buildable"
        buildable = kind == "Buildable"
        answer = {
            "_class": f"hudson.model.Queue${kind}Item",
            "actions": [],
            "blocked": kind == "Blocked",
            "buildable": buildable,
            "id": item.id,
            "inQueueSince": int(item.since * 1000),
            "params": item.params,
            "stuck": buildable and controller.is_stuck(item),
            "task": self._task(item),
            "url": f"queue/item/{item.id}/",
            "why": None if left else controller.why(item),
        }
        if kind == "Waiting":
            answer["timestamp"] = int(item.due * 1000)
        if kind in {"Blocked", "Buildable"}:
            answer["buildableStartMilliseconds"] = int((item.buildable_since or item.due) * 1000)
        if buildable:
            answer["pending"] = False
        if left:
            build = controller.builds.get((item.job, item.started))
            answer |= {"cancelled": item.cancelled, "executable": self._executable(build) if build else None}
        return answer

    def _task(self, item: Item) -> dict[str, Any]:
        job = self._controller.jobs[item.job]
        if item.part_of:
            name = f"part of {job.name} #{item.part_of}"
            url = f"job/{job.name}/{item.part_of}/"
            return {"_class": _PIPELINE_STEP, "fullDisplayName": name, "name": name, "url": url}
        return self.job(job)

    def job(self, job: Job) -> dict[str, Any]:
        building = self._controller.is_building(job.name)
        answer: dict[str, Any] = {
            "_class": _PIPELINE_JOB if job.pipeline else f"{_FREESTYLE}Project",
            "name": job.name,
            "fullName": job.name,
            "url": f"{self._url}job/{job.name}/",
            "color": "notbuilt_anime" if building else "notbuilt",
            "nextBuildNumber": job.next_number,
            "builds": [self._executable(each) for each in self._controller.builds.values() if each.job == job.name],
            "concurrentBuild": job.concurrent,
        }
        return answer if job.pipeline else answer | {"labelExpression": told(job.label)}

    def build(self, build: Build) -> dict[str, Any]:
        building = build.result is None
        return self._executable(build) | {
            "building": building,
            "inProgress": building,
            "result": build.result,
            "queueId": build.item,
            "builtOn": build.node,
        }

    def _executable(self, build: Build) -> dict[str, Any]:
        job = self._controller.jobs[build.job]
        kind = _PIPELINE_RUN if job.pipeline else f"{_FREESTYLE}Build"
        return {"_class": kind, "number": build.number, "url": f"{self._url}job/{build.job}/{build.number}/"}

    def _executed(self, build: Build) -> dict[str, Any]:
        """On an executor: the step of a pipeline rather than its run."""
        shown = self._executable(build)
        step = f"{_PIPELINE_STEP}$PlaceholderExecutable"
        return {**shown, "_class": step} if self._controller.jobs[build.job].pipeline else shown

    def computers(self) -> dict[str, Any]:
        nodes = sorted(self._controller.nodes.values(), key=lambda node: node.name)
        return {
            "_class": "hudson.model.ComputerSet",
            "busyExecutors": sum(len(node.running) for node in nodes),
            "computer": [_BUILT_IN, *(self.computer(node) for node in nodes)],
            "displayName": "Nodes",
            "totalExecutors": sum(node.executors for node in nodes if node.online),
        }

    def computer(self, node: FakeNode) -> dict[str, Any]:
        cause: dict[str, Any] | None = None
        if node.cause:
            cause = {"_class": node.cause, "timestamp": int(node.changed * 1000)}
        running: list[Build | None] = [*node.running, *([None] * (node.executors - len(node.running)))]
        return {
            "_class": "hudson.slaves.SlaveComputer",
            "actions": [],
            "assignedLabels": [{"name": label} for label in sorted(node.all_labels)],
            "description": node.description,
            "displayName": node.name,
            "executors": [
                {
                    "currentExecutable": self._executed(build) if build and not build.begins else None,
                    "idle": build is None,
                    "likelyStuck": False,
                    "number": number,
                    "progress": -1,
                }
                for number, build in enumerate(running)
            ],
            "idle": not node.running,
            "jnlpAgent": True,
            "launchSupported": False,
            "manualLaunchAllowed": True,
            "monitorData": {},
            "numExecutors": node.executors,
            "offline": not node.online,
            "offlineCause": cause,
            "offlineCauseReason": node.reason,
            "oneOffExecutors": [],
            "temporarilyOffline": node.fenced is not None,
            "absoluteRemotePath": None,
        }


_BUILT_IN: dict[str, Any] = {
    "_class": "hudson.model.Hudson$MasterComputer",
    "actions": [],
    "assignedLabels": [{"name": "built-in"}],
    "description": "the Jenkins controller's built-in node",
    "displayName": "Built-In Node",
    "executors": [],
    "idle": True,
    "jnlpAgent": False,
    "launchSupported": True,
    "manualLaunchAllowed": True,
    "monitorData": {},
    "numExecutors": 0,
    "offline": False,
    "offlineCause": None,
    "offlineCauseReason": "",
    "oneOffExecutors": [],
    "temporarilyOffline": False,
}
