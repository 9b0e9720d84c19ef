"""Polls the health and readiness checks of all running tasks; implements `Prober` of `engine/ports.py`.

One coroutine per check, asleep between its probes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from ciprov.localcluster.definitions.app import App, ReadinessCheck
from ciprov.localcluster.engine.ports import ProbeReport, ReadinessReport, StatusReport
from ciprov.localcluster.model import Instance
from ciprov.localcluster.probes import command, network, plan, status_check
from ciprov.localcluster.probes.answers import HttpAnswer, ProbeFailed

COMMANDS_AT_ONCE = 32
KEEP_BODY_BYTES = 64 * 1024
SHORTEST_INTERVAL_SECONDS = 0.1
"""An interval of 0 is allowed, but must not keep the loop busy."""

PlaceOf = Callable[[str, App, Mapping[str, str]], command.Place]
"""`(task id, app, the task's own environment) -> place`; raises OSError or ValueError where there is none."""

AddressOf = Callable[[str], str]
"""The address that a task has on a network of its own; empty for one on the host's."""

logger = logging.getLogger(__name__)


class AsyncProber:
    """Reports every probe through the two functions, on the loop."""

    def __init__(
        self,
        report: Callable[[ProbeReport | StatusReport], None],
        report_readiness: Callable[[ReadinessReport], None],
        place_of: PlaceOf,
        address_of: AddressOf = lambda _: "",
    ) -> None:
        self._report = report
        self._report_readiness = report_readiness
        self._place_of = place_of
        self._address_of = address_of
        self._running: dict[str, set[asyncio.Task[None]]] = {}
        self._commands = asyncio.Semaphore(COMMANDS_AT_ONCE)

    def start(self, instance: Instance, app: App, environment: Mapping[str, str]) -> None:
        for index in range(len(app.health_checks)):
            self._spawn(instance.task_id, self._watch(instance, app, index, environment), f"health check {index}")
        if app.check is not None:
            self._spawn(instance.task_id, self._watch_status(instance, app, app.check, environment), "check")

    def stop(self, task_id: str) -> None:
        for task in self._running.pop(task_id, ()):
            task.cancel()

    def start_readiness(self, instance: Instance, app: App) -> None:
        for index, check in enumerate(app.readiness_checks):
            self._spawn(instance.task_id, self._await_ready(instance, app, index, check), f"readiness {index}")

    def close(self) -> None:
        """Stop everything."""
        for task_id in list(self._running):
            self.stop(task_id)

    def _spawn(self, task_id: str, work: Coroutine[Any, Any, None], what: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=f"{what} of {task_id}")
        self._running.setdefault(task_id, set()).add(task)
        task.add_done_callback(lambda done: self._ended(task_id, done))

    def _ended(self, task_id: str, task: asyncio.Task[None]) -> None:
        tasks = self._running.get(task_id, set())
        tasks.discard(task)
        if not tasks:
            self._running.pop(task_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s broke off", task.get_name(), exc_info=error)

    async def _watch(self, instance: Instance, app: App, index: int, environment: Mapping[str, str]) -> None:
        check = app.health_checks[index]
        loop = asyncio.get_running_loop()
        await asyncio.sleep(plan.first_pause(check))
        while True:
            started = loop.time()
            if check.protocol == "COMMAND":
                report = await self._run_command(instance, app, index, environment)
            else:
                report = await self._ask(instance, app, index)
            self._report(report)
            interval = max(SHORTEST_INTERVAL_SECONDS, check.interval_seconds)
            await asyncio.sleep(max(0.0, started + interval - loop.time()))

    async def _ask(self, instance: Instance, app: App, index: int) -> ProbeReport:
        check = app.health_checks[index]
        targets = plan.targets(check, instance, app, self._address_of(instance.task_id))
        if isinstance(targets, plan.Unprobeable):
            return ProbeReport(instance.task_id, index, ok=False, cause=targets.cause)
        cause = ""
        for host, port in targets:
            try:
                async with asyncio.timeout(check.timeout_seconds):
                    if check.protocol.endswith("TCP"):
                        await network.connect(host, port)
                        return ProbeReport(instance.task_id, index, ok=True)
                    answer = await network.get(network.HttpTarget(host, port, check.path or "/", plan.is_tls(check)))
                if plan.is_success(answer.status):
                    return ProbeReport(instance.task_id, index, ok=True)
                return ProbeReport(instance.task_id, index, ok=False, cause=answer.line)
            except TimeoutError:
                cause = cause or f"no answer within {check.timeout_seconds} s"
            except ProbeFailed as failure:
                cause = cause or str(failure)
        return ProbeReport(instance.task_id, index, ok=False, cause=cause)

    async def _run_command(
        self, instance: Instance, app: App, index: int, environment: Mapping[str, str]
    ) -> ProbeReport:
        check = app.health_checks[index]
        text = check.command.value if check.command is not None else "false"
        try:
            async with self._commands, asyncio.timeout(check.timeout_seconds):
                await self._place_of(instance.task_id, app, environment).run(text)
        except TimeoutError:
            cause = f"Command has not returned after {check.timeout_seconds} s; aborted"
            return ProbeReport(instance.task_id, index, ok=False, cause=cause)
        except (ProbeFailed, OSError, ValueError) as failure:
            return ProbeReport(instance.task_id, index, ok=False, cause=str(failure))
        return ProbeReport(instance.task_id, index, ok=True)

    async def _watch_status(
        self, instance: Instance, app: App, check: Mapping[str, Any], environment: Mapping[str, str]
    ) -> None:
        """Report whatever is new: as with Mesos, the same result again is no news."""
        loop = asyncio.get_running_loop()
        known: status_check.Result = {}
        await asyncio.sleep(check["delaySeconds"])
        while True:
            started = loop.time()
            try:
                if "exec" in check:
                    async with self._commands:
                        place = self._place_of(instance.task_id, app, environment)
                        result = await status_check.run(check, place)
                else:
                    inside = self._address_of(instance.task_id)
                    result = await status_check.asked(check, instance, app, inside)
            except (OSError, ValueError):
                result = {}
            if result != known:
                known = result
                self._report(StatusReport(instance.task_id, result))
            interval = max(SHORTEST_INTERVAL_SECONDS, check["intervalSeconds"])
            await asyncio.sleep(max(0.0, started + interval - loop.time()))

    async def _await_ready(self, instance: Instance, app: App, index: int, check: ReadinessCheck) -> None:
        target = plan.readiness_target(check, instance, app, self._address_of(instance.task_id))
        loop = asyncio.get_running_loop()
        ready = False
        while not ready:
            started = loop.time()
            ready, report = False, ReadinessReport(instance.task_id, index, ready=False)
            if isinstance(target, network.HttpTarget):
                answer, reached = await self._answer_to(target, check)
                ready = reached and answer.status in check.http_status_codes_for_ready
                report = _readiness_report(instance.task_id, index, ready, answer)
            self._report_readiness(report)
            if not ready:
                await asyncio.sleep(max(0.0, started + check.interval_seconds - loop.time()))

    async def _answer_to(self, target: network.HttpTarget, check: ReadinessCheck) -> tuple[HttpAnswer, bool]:
        """The answer, and whether it is the task's own: in place of none Marathon shows a gateway's time-out."""
        try:
            async with asyncio.timeout(check.timeout_seconds):
                return await network.get(target, KEEP_BODY_BYTES if check.preserve_last_response else 0), True
        except TimeoutError:
            cause = f"no answer within {check.timeout_seconds} s"
        except ProbeFailed as failure:
            cause = str(failure)
        place = f"{target.host}:{target.port}{target.path}"
        return HttpAnswer(
            504, "Gateway Timeout", "text/plain", f"{place} could not be queried: {cause}".encode()
        ), False


def _readiness_report(task_id: str, index: int, ready: bool, answer: HttpAnswer) -> ReadinessReport:
    return ReadinessReport(
        task_id, index, ready, answer.status, answer.content_type, answer.body.decode(errors="replace")
    )
