"""The shared library's steps with the real command line: environments on an embedded cluster, from pipelines."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from pipelines import Build, Pipelines, Step, StepFailed
from scenario_cli import Cli

BLUEPRINT = """\
blueprint: page
group:
  apps:
    - id: web
      cmd: exec $PYTHON -m http.server --bind $HOST $PORT_HTTP
      env: {PYTHON: "%s"}
      cpus: 0.1
      mem: 32
      portDefinitions: [{port: 0, name: http}]
      healthChecks: [{protocol: HTTP, path: /, portIndex: 0, intervalSeconds: 1}]
"""


class Agent:
    """Runs `sh` in the state directory of `cli`; keeps what people would read in `log`."""

    def __init__(self, cli: Cli) -> None:
        self.cli, self.log = cli, ""

    def __call__(self, step: Step) -> Any:
        if step.name == "withCredentials":
            return [f"{one['variable']}=the value of {one['credentialsId']}" for one in step.arguments["bindings"]]
        assert step.name == "sh", step
        done = subprocess.run(
            ["/bin/sh", "-xe", "-c", step.script],
            env=self.cli.environment | dict(step.environment),
            cwd=self.cli.directory,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        asked = step.arguments.get("returnStdout")
        self.log += done.stderr + ("" if asked else done.stdout)
        if step.arguments.get("returnStatus"):
            return done.returncode
        if done.returncode:
            raise StepFailed(f"script returned exit code {done.returncode}")
        return done.stdout if asked else None

    def run(self, pipelines: Pipelines, pipeline: str) -> Build:
        command = shlex.join([sys.executable, "-m", "ciprov"])
        return pipelines.run(pipeline, self, {"CIPROV_COMMAND": command})

    @property
    def environments(self) -> list[str]:
        return [one["name"] for one in self.cli.ok("env", "list", "-o", "json").json["environments"]]


@pytest.fixture(scope="module")
def pipelines() -> Iterator[Pipelines]:
    interpreter = Pipelines()
    yield interpreter
    interpreter.stop()


@pytest.fixture
def agent(cli: Cli) -> Agent:
    (cli.directory / "page.yaml").write_text(BLUEPRINT % sys.executable)
    return Agent(cli)


def test_an_environment_lives_as_long_as_its_block(pipelines: Pipelines, agent: Agent) -> None:
    build = agent.run(
        pipelines,
        """
        ciprovEnv(name: "feature/it's", blueprint: 'page.yaml', local: true, ttl: '1h') { page ->
            sh 'curl -sf "$WEB_HTTP_URL" > fetched'
            sh "ciprov() { ${env.CIPROV_COMMAND} \\"\\$@\\"; }; ciprov --local env list -o dotenv > listed"
            return [page.name, page.endpoints.web_http.port.matches("[1-9][0-9]*")]
        }
        """,
    )
    assert (build.failed, build.returned) == ("", ["feature-it-s", True]), agent.log
    assert "Directory listing" in (agent.cli.directory / "fetched").read_text()
    assert "CIPROV_ENVIRONMENTS=feature-it-s" in (agent.cli.directory / "listed").read_text()
    assert agent.environments == []


def test_a_failed_block_tells_what_its_apps_wrote_and_leaves_nothing(pipelines: Pipelines, agent: Agent) -> None:
    build = agent.run(
        pipelines,
        """
        ciprovEnv(name: 'x', blueprint: 'page.yaml', local: true) { page ->
            sh 'curl -s "$WEB_HTTP_URL/no-such-page" > /dev/null'
            error 'no such page'
        }
        """,
    )
    assert build.failed.endswith("no such page")
    assert "environment x on local" in agent.log
    assert "no-such-page HTTP" in agent.log
    assert agent.environments == []


def test_one_that_is_kept_stays_until_it_is_taken_down_twice(pipelines: Pipelines, agent: Agent) -> None:
    build = agent.run(pipelines, "ciprovEnv(name: 'x', blueprint: 'page.yaml', local: true, keep: true) { page -> }")
    assert build.failed == "", agent.log
    assert agent.environments == ["x"]
    down = agent.run(pipelines, "ciprovDown(name: 'x', local: true); ciprovDown(name: 'x', local: true)")
    assert down.failed == "", agent.log
    assert "nothing was left" in agent.log
    assert agent.environments == []


def test_a_hook_before_the_end_has_the_secret_that_it_needs(pipelines: Pipelines, agent: Agent) -> None:
    hooked = BLUEPRINT % sys.executable + (
        "parameters: {key: {type: secret}}\n"
        "hooks: {before_down: [{name: dump, local: 'echo $KEY > dumped', env: {KEY: '${key}'}}]}\n"
    )
    (agent.cli.directory / "hooked.yaml").write_text(hooked)
    build = agent.run(
        pipelines,
        "ciprovEnv(name: 'x', blueprint: 'hooked.yaml', local: true, secrets: [key: 'shop']) { page -> }",
    )
    assert build.failed == "", agent.log
    assert (agent.cli.directory / "dumped").read_text() == "the value of shop\n"
    assert "the value of" not in agent.log
    assert agent.environments == []
