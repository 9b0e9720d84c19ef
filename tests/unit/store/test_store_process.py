"""A lock's holder counts as dead only where that is sure."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

from ciprov.store.process import is_dead, process_start, this_process


def test_this_process_lives_and_another_start_of_its_pid_is_dead() -> None:
    me = this_process()
    assert me.pid == os.getpid()
    assert not is_dead(me)
    assert is_dead(replace(me, start="1"))


def test_nothing_is_said_of_other_machines_and_of_processes_whose_start_nobody_knows() -> None:
    me = this_process()
    assert not is_dead(replace(me, host="elsewhere", start="1"))
    assert not is_dead(replace(me, start=""))


def test_one_that_ended_is_dead_even_before_its_parent_looks() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = replace(this_process(), pid=child.pid, start=process_start(child.pid) or "")
    assert not is_dead(process)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_dead(process)
    child.communicate()
    assert is_dead(process)
