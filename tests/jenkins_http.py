"""Jenkins by hand, for tests: jobs, builds, waiting. Works with a real one and with the fake."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

import requests


class JenkinsHttp:
    def __init__(self, url: str, user: str, token: str) -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._session.auth = (user, token)
        self._session.trust_env = False

    def post(self, path: str, body: str | None = None, **query: str) -> requests.Response:
        response = self._session.post(
            f"{self.url}/{path}",
            params=query,
            data=body.encode() if body else None,
            headers={"Content-Type": "application/xml"} if body else {},
            timeout=30,
            allow_redirects=False,
        )
        response.raise_for_status()
        return response

    def discard(self, path: str) -> None:
        """Posts there; it may be gone already."""
        response = self._session.post(f"{self.url}/{path}", timeout=30, allow_redirects=False)
        assert response.status_code in {204, 302, 404}, response.status_code

    def get(self, path: str, **query: str) -> dict[str, object]:
        response = self._session.get(f"{self.url}/{path}/api/json", params=query, timeout=30)
        response.raise_for_status()
        document: dict[str, object] = response.json()
        return document

    def text(self, path: str) -> str:
        response = self._session.get(f"{self.url}/{path}", timeout=30)
        response.raise_for_status()
        return response.text

    def freestyle(
        self, name: str, label: str = "", script: str = "true", *, concurrent: bool = False, parameter: str = ""
    ) -> None:
        kind = "hudson.model.StringParameterDefinition"
        defined = f"<parameterDefinitions><{kind}><name>{parameter}</name></{kind}></parameterDefinitions>"
        holder = "hudson.model.ParametersDefinitionProperty"
        properties = f"<properties><{holder}>{defined}</{holder}></properties>" if parameter else ""
        assigned = f"<assignedNode>{escape(label)}</assignedNode>" if label else ""
        self.post(
            "createItem",
            f"<project>{properties}<builders><hudson.tasks.Shell><command>{escape(script)}</command></hudson.tasks.Shell></builders>"
            f"{assigned}<canRoam>{str(not label).lower()}</canRoam>"
            f"<concurrentBuild>{str(concurrent).lower()}</concurrentBuild></project>",
            name=name,
        )

    def pipeline(self, name: str, label: str, script: str = "true") -> None:
        groovy = escape(f"node('{label}') {{ sh '{script}' }}")
        self.post(
            "createItem",
            '<flow-definition plugin="workflow-job"><definition '
            'class="org.jenkinsci.plugins.workflow.cps.CpsFlowDefinition" plugin="workflow-cps">'
            f"<script>{groovy}</script><sandbox>true</sandbox></definition></flow-definition>",
            name=name,
        )

    def build(self, job: str, delay: str = "0sec") -> int:
        """The id of the item in the queue."""
        location = self.post(f"job/{job}/build", delay=delay).headers["Location"]
        return int(location.rstrip("/").rpartition("/")[2])

    def result(self, job: str, number: int) -> object:
        return self.get(f"job/{job}/{number}").get("result")

    def builds(self, job: str) -> list[dict[str, Any]]:
        """All of a job as Jenkins tells them, oldest first."""
        listed: Any = self.get(f"job/{job}")["builds"]
        numbers = sorted(int(one["number"]) for one in listed)
        return [self.get(f"job/{job}/{number}") for number in numbers]

    def nodes(self) -> list[str]:
        """Names of all but the built-in one."""
        computers: Any = self.get("computer")["computer"]
        return [one["displayName"] for one in computers if one["displayName"] != "Built-In Node"]

    def queue(self) -> list[dict[str, Any]]:
        items: Any = self.get("queue")["items"]
        return list(items)


def wait_for(what: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)
