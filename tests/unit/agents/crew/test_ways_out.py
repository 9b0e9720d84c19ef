import re

import pytest
from demand_cases import NOW

from ciprov.agents.crew.ways_out import way_out
from ciprov.agents.record import Cause
from ciprov.agents.view.snapshot import Pause

LAUNCH = "TASK_FAILED: REASON_CONTAINER_LAUNCH_FAILED: Failed to launch container"
PULL = "Failed to run 'docker -H unix:///var/run/docker.sock pull x': exited with status 1; stderr='access denied'"
SETTINGS = ("image", "uris", "java", "user", "work_dir", "mem", "disk", "jvm_options", "arguments", "container", "heap")

SAID = {
    f"{LAUNCH}: {PULL}": "image container",
    f"{LAUNCH}: Failed to pull image 'x:1' (it is not on this machine): 404 gone; check the name": "image container",
    f"{LAUNCH}: Unexpected HTTP response '404 Not Found' when trying to get the manifest": "image container",
    f"{LAUNCH}: Failed to fetch all URIs for container 'x': exited with status 1": "uris",
    f"{LAUNCH}: Failed to chown: Failed to get user information for 'builder'": "user",
    f"{LAUNCH}: Failed to mount": "container",
    "TASK_FAILED: Container exited with status 66: agent.jar was not fetched, or is no jar": "",
    "TASK_FAILED: Container exited with status 73: the work directory": "user work_dir",
    "TASK_FAILED: Command exited with status 77: the node's secret did not reach the task": "",
    "TASK_FAILED: Command exited with status 127: there is no /no/java on the host or in the image": "java image",
    "TASK_FAILED: REASON_CONTAINER_LIMITATION_MEMORY: Memory limit exceeded: Requested: 64MB": "mem jvm_options heap",
    "TASK_FAILED: Container exited with status 137": "mem jvm_options heap",
    "TASK_FAILED: Command terminated with signal Killed": "mem jvm_options heap",
    "TASK_FAILED: Disk usage (65556KB) exceeds quota (32MB)": "disk",
    "TASK_FAILED: Command exited with status 1": "jvm_options arguments",
    "TASK_FAILED": "image options mem",
}


@pytest.mark.parametrize("said", SAID)
def test_of_a_task_that_failed_only_what_fits_is_named(said: str) -> None:
    told = way_out(Pause("gpu", Cause.TASK_FAILED.value, said, 1, NOW, final=False, agent="gpu-1"))
    named = {word for word in (*SETTINGS, "options") if re.search(rf"\b{word}\b", told)}
    assert named == set(SAID[said].split())
    assert "{" not in told


def test_what_was_said_counts_for_tasks_that_failed_alone() -> None:
    told = way_out(Pause("gpu", Cause.NOT_CONNECTED.value, "Command exited with status 127", 1, NOW, final=False))
    assert told == "see whether its host reaches Jenkins, and what `ciprov agents logs AGENT` says"
