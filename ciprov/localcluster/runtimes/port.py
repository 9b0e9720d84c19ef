"""What the engine asks of a runtime. Tasks with an image are containers, all others are processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ciprov.localcluster.definitions.app import FetchUri
from ciprov.localcluster.model import Condition


@dataclass(frozen=True, slots=True)
class PublishedPort:
    """A port of the container that is reached at a port of the host; `container_port` 0 stands for the same number.

    `host_port` 0 publishes nothing. `protocols` are of `tcp` and `udp`.
    """

    container_port: int
    host_port: int
    protocols: tuple[str, ...] = ("tcp",)


@dataclass(frozen=True, slots=True)
class VolumeMount:
    """A directory or file seen by the container. A relative `container_path` lies in the sandbox.

    Exactly one source: `host_path` (relative ones in the sandbox), `volume` (one of the engine's, made by `driver`
    with `options` where it is missing), or `persistent`: a directory that stays with the instance over its tasks.
    """

    container_path: str
    read_only: bool = False
    host_path: str = ""
    volume: str = ""
    driver: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    persistent: bool = False


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """What a task with an image needs beside its command. `mem` and `mem_limit` are in MiB, cpus in cores.

    `network` is `host`, `bridge` or the name of one of the engine's own networks. Ports are published at `host`.
    `native` says that the container type is DOCKER and not Mesos' own, which differ in small ways. `cpu_limit` and
    `mem_limit` are upper limits of their own where given; infinity is no limit.
    """

    app_id: str
    instance_id: str
    image: str
    host: str
    cpus: float
    mem: float
    network: str = "host"
    network_is_named: bool = False
    ports: tuple[PublishedPort, ...] = ()
    volumes: tuple[VolumeMount, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    cpu_limit: float | None = None
    mem_limit: float | None = None
    force_pull: bool = False
    privileged: bool = False
    native: bool = True


@dataclass(frozen=True, slots=True)
class PersistentVolumes:
    """The directories in its sandbox that stay with an instance over its tasks, for a task without a container."""

    app_id: str
    instance_id: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """All that a runtime needs to start one task. `environment` is complete but for MESOS_SANDBOX and PATH-like basics.

    Exactly one of `shell` (run by `/bin/sh -c`) and `argv` is given; with an image, none at all means the image's own.
    `persistent` and `tty` (a terminal for the task) are for tasks without one.
    """

    task_id: str
    shell: str | None
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    fetch: tuple[FetchUri, ...]
    kill_grace_seconds: float
    user: str | None = None
    container: ContainerSpec | None = None
    persistent: PersistentVolumes | None = None
    tty: bool = False


@dataclass(frozen=True, slots=True)
class TaskUpdate:
    """What became of a task: RUNNING, FINISHED, FAILED, KILLED, ERROR or LOST. `message` as Mesos words it.

    `address` is that of a running task on a network of its own. `began` is False where a lost task was never started.
    """

    task_id: str
    condition: Condition
    message: str = ""
    address: str = ""
    began: bool = True


class Runtime(Protocol):
    """Runs tasks. Calls return at once; outcomes come through the `report` function given at construction.

    Every launched task gets RUNNING at most once and exactly one final update. A task that the engine does not name
    in `recover` is ended and its sandbox kept.
    """

    def launch(self, spec: LaunchSpec) -> None: ...
    def kill(self, task_id: str, grace_seconds: float) -> None:
        """SIGTERM to the task, SIGKILL to its whole process tree after the grace. Unknown ids report LOST."""
        ...

    async def recover(self, expected: Sequence[str]) -> None:
        """After a restart: adopt the expected tasks that still run, report those that ended, end all others.

        Adopted tasks are reported RUNNING (again), since the first report may have been lost with the old daemon;
        expected tasks of which nothing is known are reported LOST. When this returns, the others have ended.
        """
        ...

    async def shutdown(self, grace_seconds: float) -> None:
        """End every task, each within its own grace but `grace_seconds` at most, and wait until all are gone."""
        ...


Report = Callable[[TaskUpdate], None]
