"""The text that starts an agent, run by the shells that hosts have."""

from __future__ import annotations

import os
import signal
import socket
import stat
import time
from pathlib import Path

import pytest
from jenkins_http import wait_for
from signal_listener import SignalListener
from started_agent import (
    NAME,
    RECORDS_ITSELF,
    SECRET,
    SHELLS,
    TOKEN,
    WAITS,
    StartedAgent,
    files_with,
    host,
    java,
    places_with,
)

from ciprov.agents.start.start_script import secrets_text


@pytest.fixture(params=SHELLS)
def programs(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return host(tmp_path, request.param)


@pytest.fixture(params=["bash", "dash-curl"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """What does not depend on how the service is told."""
    return host(tmp_path, request.param)


def arguments(agent: StartedAgent) -> list[str]:
    wait_for(lambda: agent.has("ignored"))
    return agent.read("arguments").splitlines()


def test_java_gets_the_secret_and_nobody_sees_it(tmp_path: Path, programs: Path) -> None:
    program = java(tmp_path, RECORDS_ITSELF + "mv secret given\n" + WAITS)
    with StartedAgent(tmp_path, programs, "http://127.0.0.1:9", java=str(program), jvm_options=("-Xmx1g",)) as agent:
        agent.start()
        wait_for(lambda: agent.has("given"))
        assert agent.read("given") == f"{SECRET}\n"
        (agent.sandbox / "given").unlink()
        assert arguments(agent) == [
            *("-Xmx1g", "-jar", "agent.jar", "-url", "http://127.0.0.1:9/", "-name", NAME, "-secret", "@/dev/stdin"),
            *("-webSocket", "-workDir", "agent", "-noReconnectAfter", "300s"),
        ]
        assert places_with(SECRET, TOKEN) == []
        assert files_with(agent.sandbox, SECRET, TOKEN) == []
        assert "CIPROV" not in agent.read("environment")
        # A build that wants to be interrupted could not be, if its agent had been started in the background.
        assert int(agent.read("ignored").split()[1], 16) & (1 << signal.SIGINT - 1 | 1 << signal.SIGQUIT - 1) == 0
        assert agent.told() == ""


def test_the_secret_can_be_read_again(tmp_path: Path, programs: Path) -> None:
    """agent.jar starts itself anew once Jenkins has restarted."""
    text = "cat /dev/stdin >first\ncat /dev/stdin >second\nstat -L -c %a.%h /dev/stdin >mode\n"
    program = java(tmp_path, text + RECORDS_ITSELF)
    with StartedAgent(tmp_path, programs, java=str(program)) as agent:
        agent.start().ended()
        assert (agent.read("first"), agent.read("second")) == (f"{SECRET}\n", f"{SECRET}\n")
        assert agent.read("mode") == "600.0\n"


def test_variables_of_the_template_or_its_image_keep_their_values_and_learn_none(tmp_path: Path, either: Path) -> None:
    """Whatever they are called: what a shell sets in a variable that came from outside goes to its children."""
    names = ("secrets", "secret", "token", "name", "host", "url", "dir", "own", "cache", "start", "java", "sh")
    own = {name: f"own {name}" for name in names}
    program = java(tmp_path, RECORDS_ITSELF + "rm secret\n" + WAITS)
    with SignalListener() as service, StartedAgent(tmp_path, either, service.url, java=str(program)) as agent:
        agent.env |= own | {"entries": "own entries", "body": "own body"}
        agent.start()
        wait_for(lambda: agent.has("ignored"))
        seen = dict(line.partition("=")[::2] for line in agent.read("environment").splitlines())
        assert {name: seen.get(name) for name in own} == own
        assert SECRET not in seen.values()
        agent.works_on("app")
        wait_for(lambda: bool(service.told))
        assert service.told[0].authorization == f"Bearer {TOKEN}"
        assert places_with(SECRET, TOKEN) == []


def test_the_service_is_told_of_the_first_entry_at_once(tmp_path: Path, programs: Path) -> None:
    with SignalListener() as service:
        agent = StartedAgent(tmp_path, programs, service.url, java=str(java(tmp_path, WAITS)))
        with agent.start():
            wait_for(lambda: "sleep 60 " in agent.processes())
            time.sleep(0.2)
            assert service.told == []
            agent.works_on("folder app")
            began = time.time()
            wait_for(lambda: bool(service.told))
            told = service.told[0]
            assert told.at - began < 0.4
            assert (told.path, told.authorization) == (f"/v1/agents/{NAME}/busy", f"Bearer {TOKEN}")
            assert (told.content_type, told.entries) == ("application/json", ["folder app"])
            assert places_with(SECRET, TOKEN) == []
            assert agent.told() == ""


def test_nobody_sees_the_token_on_its_way(tmp_path: Path, programs: Path) -> None:
    with SignalListener(pause_s=0.5) as service:
        agent = StartedAgent(tmp_path, programs, service.url, java=str(java(tmp_path, WAITS)))
        with agent.start():
            agent.works_on("app")
            wait_for(lambda: bool(service.told))
            assert places_with(SECRET, TOKEN) == []


def test_another_job_is_told_of_and_a_further_directory_of_the_same_is_not(tmp_path: Path, programs: Path) -> None:
    with SignalListener() as service:
        agent = StartedAgent(tmp_path, programs, service.url, java=str(java(tmp_path, WAITS)))
        agent.env["LANG"] = "C.UTF-8"
        with agent.start():
            (agent.sandbox / "agent/workspace").mkdir(parents=True)
            (agent.sandbox / "agent/workspace/workspaces.txt").touch()
            for entry in ("app@tmp", "app", "app@2", "app@2@tmp", "app@script"):
                agent.works_on(entry)
            wait_for(lambda: bool(service.told))
            agent.works_on("größe 2")
            wait_for(lambda: len(service.told) == 2)
            agent.works_on('quo"ted')
            wait_for(lambda: len(service.told) == 3)
            time.sleep(0.2)
            assert service.entries == [["app"], ["app", "größe 2"], ["app", "größe 2", "?"]]


def test_a_service_that_is_away_is_told_again(tmp_path: Path, programs: Path) -> None:
    with SignalListener(503, 500) as service:
        agent = StartedAgent(tmp_path, programs, service.url, java=str(java(tmp_path, WAITS)))
        with agent.start():
            agent.works_on("app")
            wait_for(lambda: len(service.told) == 3)
            time.sleep(0.2)
            assert service.entries == [["app"]] * 3
            assert agent.told() == ""


def test_a_service_that_refuses_is_told_once(tmp_path: Path, programs: Path) -> None:
    with SignalListener(401) as service:
        agent = StartedAgent(tmp_path, programs, service.url, java=str(java(tmp_path, WAITS)))
        with agent.start():
            agent.works_on("app")
            wait_for(lambda: agent.told() != "")
            assert "the service refuses to be told of builds" in agent.told()
            assert len(service.told) == 1
            assert TOKEN not in agent.told()


def test_nothing_that_speaks_http(tmp_path: Path) -> None:
    programs = host(tmp_path, "dash-curl")
    (programs / "curl").unlink()
    agent = StartedAgent(tmp_path, programs, "http://127.0.0.1:9", java=str(java(tmp_path, WAITS)))
    with agent.start():
        agent.works_on("app")
        wait_for(lambda: agent.told() != "")
        assert agent.told().startswith(f"ciprov: agent {NAME}: no bash, curl, python3 or nc to tell the service")


def test_a_service_that_never_answers_holds_nothing_up(tmp_path: Path, either: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        agent = StartedAgent(tmp_path, either, url, java=str(java(tmp_path, WAITS)))
        with agent.start():
            agent.works_on("app")
            silent.settimeout(5)
            silent.accept()
            agent.works_on("other")
            silent.accept()
            os.kill(agent.pid, signal.SIGTERM)
            assert agent.ended() == -signal.SIGTERM


def test_a_signal_ends_all_of_it(tmp_path: Path, programs: Path) -> None:
    ends = "trap 'exit 9' TERM\ntouch up\nwhile :; do sleep 0.05; done\n"
    agent = StartedAgent(tmp_path, programs, "http://127.0.0.1:9", java=str(java(tmp_path, ends)))
    with agent.start():
        wait_for(lambda: agent.has("up"))
        os.kill(agent.pid, signal.SIGTERM)
        assert agent.ended() == 9
        wait_for(lambda: agent.processes() == [], 1.0)


def test_the_exit_code_is_that_of_java(tmp_path: Path, either: Path) -> None:
    with StartedAgent(tmp_path, either, java=str(java(tmp_path, "exit 7\n"))).start() as agent:
        assert agent.ended() == 7
        wait_for(lambda: agent.processes() == [], 1.0)


# What it cannot start with


def test_no_java(tmp_path: Path, programs: Path) -> None:
    with StartedAgent(tmp_path, programs).start() as agent:
        assert agent.ended() == 127
        assert agent.told() == f"ciprov: agent {NAME}: there is no java here, and an agent needs Java\n"


@pytest.mark.parametrize("content", [None, b"", b"<html>Sign in</html>"], ids=["none", "empty", "a page"])
def test_no_agent_jar(tmp_path: Path, either: Path, content: bytes | None) -> None:
    with StartedAgent(tmp_path, either, java=str(java(tmp_path, WAITS))) as agent:
        agent.jar.unlink()
        if content is not None:
            agent.jar.write_bytes(content)
        assert agent.start().ended() == 66
        assert agent.told() == f"ciprov: agent {NAME}: agent.jar did not come from Jenkins, or is no jar\n"


def test_a_secret_that_did_not_arrive(tmp_path: Path, either: Path) -> None:
    with StartedAgent(tmp_path, either, java=str(java(tmp_path, WAITS))) as agent:
        del agent.env["CIPROV_AGENT_SECRET"]
        assert agent.start().ended() == 77
        assert agent.told() == f"ciprov: agent {NAME}: its secret did not reach it\n"


def test_a_work_directory_that_cannot_be_made(tmp_path: Path, either: Path) -> None:
    (tmp_path / "file").touch()
    program = str(java(tmp_path, WAITS))
    with StartedAgent(tmp_path, either, java=program, work_dir=f"{tmp_path}/file").start() as agent:
        assert agent.ended() == 73
        place = f"{tmp_path}/file/{NAME}"
        assert agent.told() == f"ciprov: agent {NAME}: its work directory {place} cannot be written to\n"


# What it may use of its host


def test_a_work_directory_of_the_host_goes_with_the_agent(tmp_path: Path, either: Path) -> None:
    work = tmp_path / "work"
    text = RECORDS_ITSELF + f"mkdir -p {work}/{NAME}/workspace/app\n" + WAITS
    with SignalListener() as service:
        agent = StartedAgent(tmp_path, either, service.url, java=str(java(tmp_path, text)), work_dir=str(work))
        with agent.start():
            wait_for(lambda: bool(service.told))
            assert f"-workDir\n{work}/{NAME}\n" in agent.read("arguments")
            os.killpg(agent.pid, signal.SIGTERM)
            agent.ended()
            wait_for(lambda: agent.processes() == [], 1.0)
            assert list(work.iterdir()) == []


def test_a_jar_cache_is_made_for_itself_alone(tmp_path: Path, programs: Path) -> None:
    cache = tmp_path / "caches/jars"
    given = {"java": str(java(tmp_path, RECORDS_ITSELF + WAITS)), "jar_cache": str(cache)}
    with StartedAgent(tmp_path, programs, **given).start() as agent:
        assert arguments(agent)[-2:] == ["-jar-cache", str(cache)]
        assert stat.S_IMODE(cache.stat().st_mode) == 0o700
        assert agent.told() == ""


def spoilt(cache: Path, how: str) -> None:
    cache.parent.mkdir()
    if how == "a link":
        (cache.parent / "elsewhere").mkdir(mode=0o700)
        cache.symlink_to(cache.parent / "elsewhere")
        return
    if how == "a file":
        cache.touch(0o600)
        return
    cache.mkdir(mode=0o700)
    if how == "writable":
        cache.chmod(0o770)
    elif how == "parent writable":
        cache.parent.chmod(0o777)
    elif how == "full":
        (cache / ".room").symlink_to("/dev/full")
    elif os.getuid():
        pytest.skip("only root can give directories away")
    else:
        os.chown(cache if how == "foreign" else cache.parent, 12345, 12345)


@pytest.mark.parametrize(
    "how", ["a link", "a file", "writable", "parent writable", "full", "foreign", "parent foreign"]
)
def test_a_jar_cache_that_is_not_used(tmp_path: Path, either: Path, how: str) -> None:
    cache = tmp_path / "caches/jars"
    spoilt(cache, how)
    given = {"java": str(java(tmp_path, RECORDS_ITSELF + WAITS)), "jar_cache": str(cache)}
    with StartedAgent(tmp_path, either, **given).start() as agent:
        assert "-jar-cache" not in arguments(agent)
        reason = "no room in it" if how == "full" else "it is not there, or others can write to it"
        assert agent.told() == f"ciprov: agent {NAME}: the jar cache {cache} is not used: {reason}\n"


@pytest.mark.parametrize(("mode", "used"), [(0o644, True), (0o666, False), (None, False)])
def test_a_class_data_archive(tmp_path: Path, either: Path, mode: int | None, used: bool) -> None:
    archive = tmp_path / "agent.jsa"
    if mode is not None:
        archive.touch()
        archive.chmod(mode)
    given = {"java": str(java(tmp_path, RECORDS_ITSELF + WAITS)), "class_data": str(archive)}
    with StartedAgent(tmp_path, either, **given).start() as agent:
        assert (arguments(agent)[0] == f"-XX:SharedArchiveFile={archive}") is used
        assert ("others can write" in agent.told()) is (mode == 0o666)


def test_secrets_that_were_fetched(tmp_path: Path, programs: Path) -> None:
    program = java(tmp_path, RECORDS_ITSELF + "mv secret given\n" + WAITS)
    with SignalListener() as service, StartedAgent(tmp_path, programs, service.url, java=str(program)) as agent:
        del agent.env["CIPROV_AGENT_SECRET"], agent.env["CIPROV_AGENT_TOKEN"]
        fetched = agent.sandbox / "ciprov-secrets"
        looks = 'ciprov_seen=$(ls -l ciprov-secrets); echo "$ciprov_seen" >mode\n'
        fetched.write_text(looks + secrets_text(SECRET, TOKEN, (("NEXUS", "it's $HOME"),)))
        fetched.chmod(0o644)
        agent.start()
        wait_for(lambda: agent.has("given"))
        assert agent.read("mode").startswith("-rw------- ")
        assert agent.read("given") == f"{SECRET}\n"
        (agent.sandbox / "given").unlink()
        assert not fetched.exists()
        assert "NEXUS=it's $HOME\n" in agent.read("environment")
        assert files_with(agent.sandbox, SECRET, TOKEN) == []
        agent.works_on("app")
        wait_for(lambda: bool(service.told))
        assert service.told[0].authorization == f"Bearer {TOKEN}"
        assert places_with(SECRET, TOKEN) == []
