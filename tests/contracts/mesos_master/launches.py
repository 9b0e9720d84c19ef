"""A task on the next offer, and what becomes of it."""

from __future__ import annotations

from typing import Any

from plain_mesos import Json
from plain_scheduler import Scheduler
from task_infos import id_of, task

ENDS = ("TASK_FINISHED", "TASK_FAILED")


def run(scheduler: Scheduler, command: Json | str, *states: str, **fields: Any) -> Json:
    """The status with which it came to one of the states, by default to its end; `fields` are of its TaskInfo."""
    offer = scheduler.offer()
    launched = task(offer, command, **fields)
    scheduler.accept([offer], [launched])
    return scheduler.status(id_of(launched), *(states or ENDS), seconds=30)


def running(scheduler: Scheduler, command: Json | str = "sleep 100", **fields: Any) -> Json:
    """The status with which it runs."""
    return run(scheduler, command, "TASK_RUNNING", **fields)


def launch(scheduler: Scheduler, command: Json | str = "sleep 100", **fields: Any) -> str:
    """The id of a task that runs."""
    return str(running(scheduler, command, **fields)["task_id"]["value"])
