"""Probes and the forwarder against real sockets and commands on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ciprov.localcluster.definitions.app import App, HealthCheck, PortDefinition, ReadinessCheck
from ciprov.localcluster.engine.ports import ProbeReport, ReadinessReport, StatusReport
from ciprov.localcluster.forwarder import TcpForwarder
from ciprov.localcluster.model import Condition, Instance
from ciprov.localcluster.probes.command import CommandPlace
from ciprov.localcluster.probes.prober import AsyncProber

HOST = "127.0.0.1"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


async def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, "timed out"
        await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    """A TCP server; gives its port."""

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await handler(reader, writer)
        writer.close()

    server = await asyncio.start_server(accepted, HOST, 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


def answering(text: str) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(text.encode())
        await writer.drain()

    return handler


def instance(*ports: int) -> Instance:
    now = datetime(2024, 1, 1, tzinfo=UTC)
    return Instance("app.instance-1", "/app", "v", Condition.RUNNING, now, host=HOST, ports=ports)


class Probing:
    def __init__(self, sandbox: Path) -> None:
        self.reports: list[ProbeReport | StatusReport] = []
        self.readiness: list[ReadinessReport] = []
        self.sandbox = sandbox
        self.prober = AsyncProber(self.reports.append, self.readiness.append, self.place)

    def place(self, task_id: str, app: App, environment: Mapping[str, str]) -> CommandPlace:
        return CommandPlace(self.sandbox, {"PATH": "/usr/bin:/bin", **environment})

    async def first(self, check: HealthCheck, *ports: int, **environment: str) -> ProbeReport:
        self.prober.start(instance(*ports), App(id="/app", health_checks=(check,)), environment)
        await until(lambda: self.reports)
        self.prober.close()
        report = self.reports[0]
        assert isinstance(report, ProbeReport)
        return report

    async def statuses(self, check: dict[str, Any], *ports: int) -> list[Any]:
        """What a check reports, with a few more runs after the first report."""
        timing = {"delaySeconds": 0, "intervalSeconds": 0, "timeoutSeconds": 1}
        self.prober.start(instance(*ports), App(id="/app", check={**check, **timing}), {})
        await until(lambda: self.reports)
        await asyncio.sleep(0.25)
        self.prober.close()
        return [report.result for report in self.reports if isinstance(report, StatusReport)]


@pytest.mark.parametrize(
    ("answer", "ok", "cause"),
    [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", True, ""),
        ("HTTP/1.0 302 Found\r\nLocation: /x\r\n\r\n", True, ""),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", True, ""),
        ("HTTP/1.1 503 Service Unavailable\r\n\r\n", False, "503 Service Unavailable"),
        ("SSH-2.0-x\r\n\r\n", False, "not a valid HTTP answer"),
        ("", False, "the connection was closed without an answer"),
    ],
)
def test_http_checks(tmp_path: Path, answer: str, ok: bool, cause: str) -> None:
    async def main() -> None:
        async with serving(answering(answer)) as port:
            report = await Probing(tmp_path).first(HealthCheck(), port)
        assert report.ok is ok
        assert report.cause.startswith(cause)

    asyncio.run(main())


def test_a_server_that_never_answers_times_out(tmp_path: Path) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def main() -> None:
        async with serving(silent) as port:
            report = await Probing(tmp_path).first(HealthCheck(timeout_seconds=1), port)
        assert (report.ok, report.cause) == (False, "no answer within 1 s")

    asyncio.run(main())


def test_tcp_checks(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(answering("")) as port:
            assert (await Probing(tmp_path).first(HealthCheck(protocol="TCP"), port)).ok
        report = await Probing(tmp_path).first(HealthCheck(protocol="TCP"), free_port())
        assert (report.ok, report.cause) == (False, "Connection refused")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("command", "ok", "cause"),
    [
        ('[ "$COLOUR" = blue ] && [ "$PWD" = "$SANDBOX" ]', True, ""),
        ("echo sick; exit 4", False, "Command exited with status 4"),
        ("sleep 60 & echo $! > pid; wait", False, "Command has not returned after 1 s; aborted"),
    ],
)
def test_command_checks_run_in_the_sandbox(tmp_path: Path, command: str, ok: bool, cause: str) -> None:
    async def main() -> None:
        check = HealthCheck.model_validate(
            {"protocol": "COMMAND", "command": {"value": command}, "delaySeconds": 0, "timeoutSeconds": 1}
        )
        report = await Probing(tmp_path).first(check, COLOUR="blue", SANDBOX=str(tmp_path))
        assert (report.ok, report.cause) == (ok, cause)
        if "sick" in command:
            assert (tmp_path / "stderr").read_text() == "sick\n"
        if "pid" in command:
            pid = int((tmp_path / "pid").read_text())
            await until(lambda: not Path(f"/proc/{pid}").exists())

    asyncio.run(main())


def test_a_status_check_tells_what_came_back_and_nothing_twice(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(answering("HTTP/1.1 503 Service Unavailable\r\n\r\n")) as port:
            assert await Probing(tmp_path).statuses({"http": {}}, port) == [{"http": {"statusCode": 503}}]
            assert await Probing(tmp_path).statuses({"tcp": {}}, port) == [{"tcp": {"succeeded": True}}]
        assert await Probing(tmp_path).statuses({"tcp": {}}, free_port()) == [{"tcp": {"succeeded": False}}]
        command = {"shell": "test -e twice && exit 5; test -e once && touch twice; touch once"}
        found = await Probing(tmp_path).statuses({"exec": {"command": command}})
        assert found == [{"exec": {"exitCode": 0}}, {"exec": {"exitCode": 5}}]

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_output_of_a_check_goes_into_a_plain_file_of_the_sandbox_only(tmp_path: Path, kind: str) -> None:
    sandbox, outside = tmp_path / "sandbox", tmp_path / "outside"
    sandbox.mkdir()
    outside.write_text("untouched")
    if kind == "pipe":
        os.mkfifo(sandbox / "stderr")
    else:
        (sandbox / "stderr").symlink_to(outside)

    async def main() -> None:
        check = HealthCheck.model_validate({"protocol": "COMMAND", "command": {"value": "echo x"}, "delaySeconds": 0})
        report = await Probing(sandbox).first(check)
        assert not report.ok
        assert "could not be started" in report.cause

    asyncio.run(asyncio.wait_for(main(), 10))
    assert outside.read_text() == "untouched"


def test_an_interval_of_zero_does_not_keep_the_loop_busy(tmp_path: Path) -> None:
    async def main() -> None:
        probing = Probing(tmp_path)
        check = HealthCheck(protocol="TCP", interval_seconds=0)
        async with serving(answering("")) as port:
            probing.prober.start(instance(port), App(id="/app", health_checks=(check,)), {})
            await asyncio.sleep(0.35)
            probing.prober.stop(instance().task_id)
        assert 1 <= len(probing.reports) <= 5

    asyncio.run(main())


def test_checks_are_repeated_until_stopped(tmp_path: Path) -> None:
    async def main() -> None:
        probing = Probing(tmp_path)
        check = HealthCheck(protocol="TCP", interval_seconds=0)
        async with serving(answering("")) as port:
            probing.prober.start(instance(port), App(id="/app", health_checks=(check, check)), {})
            await until(lambda: {report.index for report in probing.reports[5:]} == {0, 1})
            probing.prober.stop(instance().task_id)
            await asyncio.sleep(0.02)
            count = len(probing.reports)
            await asyncio.sleep(0.05)
            assert len(probing.reports) == count

    asyncio.run(main())


def test_readiness_is_polled_until_it_is_there(tmp_path: Path) -> None:
    answers = iter(["503 Busy", "200 OK"])

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {next(answers)}\r\nContent-Type: text/plain\r\n\r\nsoon".encode())

    async def main() -> None:
        probing = Probing(tmp_path)
        check = ReadinessCheck(port_name="web", interval_seconds=0, preserve_last_response=True)
        app = App(id="/app", port_definitions=(PortDefinition(name="web"),), readiness_checks=(check,))
        async with serving(handler) as port:
            probing.prober.start_readiness(instance(port), app)
            await until(lambda: len(probing.readiness) == 2)
            await asyncio.sleep(0.02)
        assert [(each.ready, each.status, each.body) for each in probing.readiness] == [
            (False, 503, "soon"),
            (True, 200, "soon"),
        ]

    asyncio.run(main())


def naming(name: bytes) -> Handler:
    """Says its name, then echoes; after the client's end it says goodbye."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(name)
        while piece := await reader.read(1000):
            writer.write(piece)
        writer.write(b"bye")
        await writer.drain()

    return handler


async def greeting(port: int) -> bytes:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        return await reader.read(1)
    except OSError:
        return b""
    finally:
        writer.close()


async def bound(port: int, host: str = HOST) -> None:
    for _ in range(500):
        with contextlib.suppress(OSError), socket.create_connection((host, port), 1):
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"nothing listens on {port}")


def test_connections_go_round_robin_and_past_dead_targets() -> None:
    async def main() -> None:
        async with serving(naming(b"a")) as one, serving(naming(b"b")) as two:
            service = free_port()
            forwarder = TcpForwarder(HOST)
            forwarder.update({service: [(HOST, one), (HOST, two), (HOST, free_port())]})
            await bound(service)
            said = [await greeting(service) for _ in range(9)]
            assert said.count(b"a") >= 3
            assert said.count(b"b") >= 3
            assert b"" not in said
            forwarder.update({service: []})
            assert await greeting(service) == b""
            forwarder.close()

    asyncio.run(main())


def test_who_listens_on_the_service_port_itself_is_forwarded_to_from_other_addresses_only() -> None:
    async def main() -> None:
        async with serving(naming(b"a")) as port:
            forwarder = TcpForwarder(HOST)
            forwarder.update({port: [(HOST, port)]})
            forwarder.serve_also("127.0.0.2")
            await bound(port, "127.0.0.2")
            reader, writer = await asyncio.open_connection("127.0.0.2", port)
            assert await reader.read(1) == b"a"
            writer.close()
            assert await greeting(port) == b"a"
            assert forwarder.problems == {}
            forwarder.close()

    asyncio.run(main())


def test_open_connections_survive_updates_and_half_closing() -> None:
    async def main() -> None:
        async with serving(naming(b"a")) as one, serving(naming(b"b")) as two:
            service = free_port()
            forwarder = TcpForwarder(HOST)
            forwarder.update({service: [(HOST, one)]})
            await bound(service)
            reader, writer = await asyncio.open_connection(HOST, service)
            assert await reader.read(1) == b"a"
            forwarder.update({service: [(HOST, two)]})
            assert await greeting(service) == b"b"
            forwarder.update({})
            with pytest.raises(OSError):  # noqa: PT011 - refused or reset
                await asyncio.open_connection(HOST, service)
            writer.write(b"x" * 300_000)
            writer.write_eof()
            assert await reader.read() == b"x" * 300_000 + b"bye"
            writer.close()
            forwarder.close()

    asyncio.run(main())


def test_a_port_in_use_is_reported_and_taken_once_it_is_free() -> None:
    async def main() -> None:
        async with serving(naming(b"a")) as target:
            with socket.socket() as blocker:
                blocker.bind((HOST, 0))
                blocker.listen()
                service = int(blocker.getsockname()[1])
                forwarder = TcpForwarder(HOST)
                forwarder.update({service: [(HOST, target)]})
                await until(lambda: forwarder.problems)
                assert f"{HOST}:{service}" in forwarder.problems[service]
                assert not forwarder.listens(HOST, service)
            await until(lambda: not forwarder.problems)
            assert await greeting(service) == b"a"
            assert forwarder.listens(HOST, service)
            forwarder.close()
            assert not forwarder.listens(HOST, service)

    asyncio.run(main())
