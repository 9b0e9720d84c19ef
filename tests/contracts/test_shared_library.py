"""The steps of `vars/`, in Jenkins' continuations and sandbox, with a ciprov that only notes how it is called."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pipelines import LIBRARY, SOURCES, Build, Pipelines, Step, StepFailed, java

VARIABLES = """\
CIPROV_CLUSTER_NAME=staging
CIPROV_ENV_NAME=feature-x
CIPROV_ENV_GROUP=/ciprov/feature-x
CIPROV_ENV_KIND=
CIPROV_URL=http://lb:20001/
WEB_HTTP_HOST=lb
WEB_HTTP_PORT=20001
WEB_HTTP_URL=http://lb:20001
DB_MAIN_SQL_HOST=lb
DB_MAIN_SQL_PORT=20002
"""

NOTING = """\
#!{python} -I
import json, os, pathlib, sys
here = pathlib.Path({here!r})
with (here / "calls").open("a") as calls:
    secrets = {{key: value for key, value in os.environ.items() if key.startswith("CIPROV_PARAM_")}}
    calls.write(json.dumps([sys.argv[1:], secrets]) + "\\n")
plan = json.loads((here / "plan").read_text())
code, text = next((plan[key] for key in plan if " ".join(sys.argv[1:]).startswith(key)), (0, ""))
print(text, end="")
sys.exit(code)
"""


@dataclass
class Agent:
    """Executes `sh` for real. `plan`: exit code and output of `ciprov` by the beginning of its arguments."""

    directory: Path
    plan: dict[str, tuple[int, str]] = field(default_factory=dict)
    lost: int = 0
    """So many of the first `node` steps lose their agent."""

    def __post_init__(self) -> None:
        self.program = self.directory / "ciprov"
        self.program.write_text(NOTING.format(python=sys.executable, here=str(self.directory)))
        self.program.chmod(0o755)
        self.plan = {"env up": (0, VARIABLES), **self.plan}

    def __call__(self, step: Step) -> Any:
        if step.name == "withCredentials":
            return [f"{one['variable']}=the value of {one['credentialsId']}" for one in step.arguments["bindings"]]
        if step.name == "node" and self.lost:
            self.lost -= 1
            raise StepFailed("agent was lost")
        if step.name != "sh":
            return None
        (self.directory / "plan").write_text(json.dumps(self.plan))
        done = subprocess.run(
            ["/bin/sh", "-xe", "-c", step.script],
            env={"PATH": "/usr/bin:/bin", **step.environment},
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        if step.arguments.get("returnStatus"):
            return done.returncode
        if done.returncode:
            raise StepFailed(f"script returned exit code {done.returncode}")
        return done.stdout if step.arguments.get("returnStdout") else None

    @property
    def environment(self) -> dict[str, str]:
        return {"CIPROV_COMMAND": str(self.program)}

    @property
    def calls(self) -> list[list[str]]:
        return [arguments for arguments, _ in self.noted]

    @property
    def noted(self) -> list[tuple[list[str], dict[str, str]]]:
        file = self.directory / "calls"
        return [tuple(json.loads(line)) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture(scope="module")
def pipelines() -> Iterator[Pipelines]:
    interpreter = Pipelines()
    yield interpreter
    interpreter.stop()


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tmp_path)


def run(pipelines: Pipelines, agent: Agent, pipeline: str) -> Build:
    return pipelines.run(pipeline, agent, agent.environment)


NAME = 'feature/it\'s "$(touch x)" `y` \\ *'


def test_whatever_a_name_holds_reaches_the_command_as_it_is(pipelines: Pipelines, agent: Agent) -> None:
    build = run(pipelines, agent, f"ciprovDown({groovy(NAME)})")
    assert (build.failed, agent.calls) == ("", [["env", "down", "--", NAME]])
    assert not (agent.directory / "x").exists()


def test_all_options_of_up(pipelines: Pipelines, agent: Agent) -> None:
    build = run(
        pipelines,
        agent,
        f"""
        ciprovUp(
            name: 'feature/x', blueprint: 'a b.yaml', kind: '', ttl: '2d', timeout: '5m', owner: 'me', team: 'video',
            branch: {groovy(NAME)}, gitRemote: 'https://git.example.org/shop.git', onFailure: 'keep', lockWait: '1m',
            smoke: true, skipHooks: true, cluster: 'staging', params: [tag: "1.${{4}}", from: '@/etc/passwd', n: 3]
        )
        """,
    )
    assert build.failed == ""
    assert agent.calls == [
        [
            *["--cluster", "staging", "env", "up", "--blueprint", "a b.yaml", "--kind", "", "--ttl", "2d"],
            *["--timeout", "5m", "--owner", "me", "--team", "video", "--branch", NAME],
            *["--git-remote", "https://git.example.org/shop.git", "--on-failure", "keep", "--lock-wait", "1m"],
            *["--smoke", "--skip-hooks", "--param", "tag=1.4", "--param", "from=@@/etc/passwd", "--param", "n=3"],
            *["-o", "dotenv", "--", "feature/x"],
        ]
    ]


def test_an_environment_is_an_object(pipelines: Pipelines, agent: Agent) -> None:
    build = run(pipelines, agent, "ciprovUp(name: 'feature-x')")
    environment = build.returned
    assert environment.pop("variables") == VARIABLES.splitlines()
    assert environment == {
        "name": "feature-x",
        "group": "/ciprov/feature-x",
        "kind": "",
        "cluster": "staging",
        "url": "http://lb:20001/",
        "endpoints": {
            "web_http": {"host": "lb", "port": "20001", "url": "http://lb:20001"},
            "db_main_sql": {"host": "lb", "port": "20002", "url": ""},
        },
    }


def test_secrets_come_by_variables_and_stand_in_no_script(pipelines: Pipelines, agent: Agent) -> None:
    build = run(pipelines, agent, "ciprovUp(name: 'x', secrets: ['db-password': 'shop-db', token: 't'])")
    assert build.failed == ""
    assert agent.noted[0][1] == {
        "CIPROV_PARAM_DB_PASSWORD": "the value of shop-db",
        "CIPROV_PARAM_TOKEN": "the value of t",
    }
    assert "the value of" not in "\n".join([*build.scripts, *build.log])


def test_secrets_are_there_for_whatever_an_environment_needs_them_and_not_for_its_block(
    pipelines: Pipelines, agent: Agent
) -> None:
    """Hooks before `down` need them again, and Jenkins hides in the log what is bound just then: apps may tell them."""
    secrets = "secrets: ['db-password': 'shop-db']"
    build = run(pipelines, agent, f"ciprovEnv(name: 'x', {secrets}) {{ shop -> sh 'env > seen; exit 3' }}")
    assert build.failed == "java.lang.Exception: script returned exit code 3"
    build = run(pipelines, agent, f"ciprovDown(name: 'x', {secrets})")
    assert build.failed == ""
    given = {tuple(call[:2]): secrets for call, secrets in agent.noted}
    assert set(given) == {("env", "down"), ("env", "up"), ("env", "status"), ("env", "logs")}
    assert all(secrets == {"CIPROV_PARAM_DB_PASSWORD": "the value of shop-db"} for _, secrets in agent.noted)
    assert "CIPROV_PARAM" not in (agent.directory / "seen").read_text()


def test_the_body_has_the_endpoints_and_then_all_of_it_goes(pipelines: Pipelines, agent: Agent) -> None:
    build = run(
        pipelines,
        agent,
        """
        ciprovEnv(name: 'feature-x', blueprint: 'shop.yaml', ttl: '1h') { shop ->
            sh 'test "$WEB_HTTP_PORT" = 20001'
            return shop.endpoints.web_http.url
        }
        """,
    )
    assert (build.failed, build.returned) == ("", "http://lb:20001")
    made = ["--blueprint", "shop.yaml", "--ttl", "1h", "--on-failure", "keep", "-o", "dotenv", "--", "feature-x"]
    assert agent.calls == [
        ["env", "down", "--dry-run", "--", "feature-x"],
        ["env", "up", *made],
        ["env", "down", "--", "feature-x"],
    ]


def test_the_cluster_is_the_same_for_every_command(pipelines: Pipelines, agent: Agent) -> None:
    run(pipelines, agent, "ciprovEnv(name: 'x', local: true) { shop -> error 'no' }")
    run(pipelines, agent, "ciprovEnv(name: 'x', cluster: 'a') { shop -> }")
    begun = [call[: call.index("env")] for call in agent.calls]
    assert begun == [["--local"]] * 6 + [["--cluster", "a"]] * 3


def test_a_body_that_fails_is_diagnosed_and_its_environment_goes(pipelines: Pipelines, agent: Agent) -> None:
    build = run(pipelines, agent, "ciprovEnv(name: 'x', skipHooks: true) { shop -> sh 'exit 3' }")
    assert build.failed == "java.lang.Exception: script returned exit code 3"
    assert agent.calls[2:] == [
        ["env", "status", "--", "x"],
        ["env", "logs", "-n", "40", "--", "x"],
        ["env", "logs", "-n", "40", "--stderr", "--", "x"],
        ["env", "down", "--skip-hooks", "--", "x"],
    ]


def test_what_failed_first_is_what_the_build_ends_with(pipelines: Pipelines, tmp_path: Path) -> None:
    agent = Agent(tmp_path, {"env down --dry-run": (0, ""), "env down": (1, ""), "env status": (1, "")})
    build = run(pipelines, agent, "ciprovEnv(name: 'x') { shop -> error 'tests failed' }")
    assert build.failed == "java.lang.Exception: tests failed"
    assert "environment x was NOT taken away" in build.text


def test_an_environment_that_stays_though_it_should_not_fails_the_build(pipelines: Pipelines, tmp_path: Path) -> None:
    agent = Agent(tmp_path, {"env down --dry-run": (0, ""), "env down": (1, "")})
    build = run(pipelines, agent, "ciprovEnv(name: 'x') { shop -> }")
    assert build.failed == "java.lang.Exception: script returned exit code 1"


@pytest.mark.parametrize(
    ("keep", "body", "stays"),
    [
        ("true", "", True),
        ("true", "error 'no'", True),
        ("'failed'", "", False),
        ("'failed'", "error 'no'", True),
        ("false", "error 'no'", False),
    ],
)
def test_keep(pipelines: Pipelines, agent: Agent, keep: str, body: str, stays: bool) -> None:
    build = run(pipelines, agent, f"ciprovEnv(name: 'x', keep: {keep}) {{ shop -> {body} }}")
    assert (["env", "down", "--", "x"] not in agent.calls) is stays
    assert ("environment x is kept" in build.text) is stays
    assert (build.failed == "") is (body == "")


def test_a_new_environment_that_does_not_come_up_is_diagnosed_and_taken_away(
    pipelines: Pipelines, tmp_path: Path
) -> None:
    agent = Agent(tmp_path, {"env up": (1, "")})
    build = run(pipelines, agent, "ciprovEnv(name: 'x', logLines: 0) { shop -> sh 'touch body' }")
    assert build.failed == "java.lang.Exception: script returned exit code 1"
    assert [call[:3] for call in agent.calls[2:]] == [["env", "status", "--"], ["env", "down", "--"]]
    assert not (tmp_path / "body").exists()


def test_an_environment_that_stood_before_is_left_where_it_cannot_be_changed(
    pipelines: Pipelines, tmp_path: Path
) -> None:
    agent = Agent(tmp_path, {"env up": (1, ""), "env down --dry-run": (2, "")})
    build = run(pipelines, agent, "ciprovEnv(name: 'x') { shop -> }")
    assert "stood before this build and was left as it is" in build.text
    assert ["env", "down", "--", "x"] not in agent.calls
    assert agent.calls[1][2:4] == ["--on-failure", "rollback"]


def test_nothing_is_begun_where_ciprov_cannot_tell_what_is_there(pipelines: Pipelines, tmp_path: Path) -> None:
    agent = Agent(tmp_path, {"env down --dry-run": (1, "")})
    build = run(pipelines, agent, "ciprovEnv(name: 'x') { shop -> }")
    assert "cannot tell whether environment x is there (exit code 1)" in build.failed
    assert len(agent.calls) == 1


@pytest.mark.parametrize(
    ("pipeline", "told"),
    [
        ("ciprovUp(nme: 'x')", "ciprovUp: there is no option nme; it knows name"),
        ("ciprovEnv(name: 'x', keeps: true) { shop -> }", "ciprovEnv: there is no option keeps"),
        ("ciprovEnv(name: 'x', keep: 'always') { shop -> }", "keep is true, false or 'failed', not always"),
        ("ciprovDown(name: null)", "ciprovDown: which environment?"),
        ("ciprovDown('')", "ciprovDown: which environment?"),
        ("ciprovUp(name: 'x', params: [tag: env.NOTHING])", "ciprovUp: params: tag is null"),
        ("ciprovEnv(name: 'x', secrets: [key: null]) { shop -> }", "ciprovEnv: secrets: key is null"),
        ("ciprov(['env', 'extend', env.NOTHING])", "ciprov: an argument is null: env extend null"),
        ("ciprovAgent('a b') { }", "'a b' is no template's name"),
        ("ciprovAgent('x', trys: 3) { }", "ciprovAgent: there is no option trys"),
    ],
)
def test_a_wrong_call_is_told_before_anything_is_done(
    pipelines: Pipelines, agent: Agent, pipeline: str, told: str
) -> None:
    build = run(pipelines, agent, pipeline)
    assert told in build.failed
    assert agent.calls == []


def labels(build: Build) -> list[str]:
    return [step.arguments["label"] for step in build.steps if step.name == "node"]


def test_each_request_for_an_agent_has_a_label_of_its_own(pipelines: Pipelines, agent: Agent) -> None:
    build = run(pipelines, agent, "ciprovAgent('maven') { sh 'true' }; ciprovAgent('maven') { 'done' }")
    assert (build.failed, build.returned) == ("", "done")
    first, second = labels(build)
    assert first != second
    assert all(label.startswith("ciprov.maven.") and label[13:].isalnum() for label in (first, second))


def test_an_agent_that_is_lost_is_followed_by_another(pipelines: Pipelines, tmp_path: Path) -> None:
    agent = Agent(tmp_path, lost=1)
    build = run(pipelines, agent, "ciprovAgent('maven', service: 'ci') { 'done' }")
    assert build.returned == "done"
    assert len(set(labels(build))) == 2
    assert all(label.startswith("ci.maven.") for label in labels(build))


def test_what_fails_by_itself_is_not_tried_again(pipelines: Pipelines, tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    build = run(pipelines, agent, "ciprovAgent('maven', prefix: 'mvn-') { sh 'exit 1' }")
    assert build.failed == "java.lang.Exception: script returned exit code 1"
    assert len(labels(build)) == 1
    assert labels(build)[0].startswith("mvn-")


def test_every_step_has_a_page_of_help() -> None:
    steps = {file.stem for file in LIBRARY.glob("*.groovy")}
    assert steps == {file.stem for file in LIBRARY.glob("*.txt")}
    for step in steps:
        text = (LIBRARY / f"{step}.txt").read_text()
        assert f"<code>{step}(" in text, f"{step}.txt shows no call"


def test_help_names_every_option(pipelines: Pipelines, agent: Agent) -> None:
    for step in ("ciprovUp", "ciprovDown"):
        known = run(pipelines, agent, f"{step}.known()").returned
        text = (LIBRARY / f"{step}.txt").read_text()
        assert [name for name in known if f"<code>{name}</code>" not in text] == []


def test_lint() -> None:
    done = subprocess.run(
        [
            *java("lint"),
            "org.codenarc.CodeNarc",
            f"-basedir={LIBRARY}",
            f"-rulesetfiles=file:{SOURCES}/lint/rules.groovy",
            "-report=console",
            "-maxPriority1Violations=0",
            "-maxPriority2Violations=0",
            "-maxPriority3Violations=0",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def groovy(text: str) -> str:
    """As a literal of Groovy."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
