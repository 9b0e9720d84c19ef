"""`ciprov local agent`: virtual agents that go and come back, to try out what becomes of their tasks."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.cli.output import Result, emit, output_option, table


@click.group()
def agent() -> None:
    """The virtual agents: drain them, lose them, let them return. What was said holds over restarts.

    \b
    Examples:
      ciprov local agent list
      ciprov local agent lose agent-2
      ciprov local agent return agent-2
    """


@agent.command("list")
@output_option
@pass_invocation
def list_agents(invocation: Invocation, output: str) -> None:
    """All agents, with what they have and how they are.

    \b
    Examples:
      ciprov local agent list
      ciprov local agent list -o json
    """
    from ciprov.wiring.localcluster_agents import agents

    found = agents(embedded_state_dir(invocation))
    emit(Result({"agents": found}, agents_table(found)), output)


@agent.command()
@click.argument("agent", metavar="AGENT")
@pass_invocation
def drain(invocation: Invocation, agent: str) -> None:
    """Make no more offers from it; its tasks are killed and launched elsewhere.

    \b
    Examples:
      ciprov local agent drain agent-2
    """
    _act(invocation, agent, "drain")


@agent.command()
@click.argument("agent", metavar="AGENT")
@pass_invocation
def lose(invocation: Invocation, agent: str) -> None:
    """Cut it off: its tasks run on but are TASK_UNREACHABLE, and replaced as their unreachableStrategy says.

    \b
    Examples:
      ciprov local agent lose agent-2
    """
    _act(invocation, agent, "lose")


@agent.command("return")
@click.argument("agent", metavar="AGENT")
@pass_invocation
def return_agent(invocation: Invocation, agent: str) -> None:
    """Let a drained or lost one come back: unreachable tasks run again, those that were given up are killed.

    \b
    Examples:
      ciprov local agent return agent-2
    """
    _act(invocation, agent, "return")


def embedded_state_dir(invocation: Invocation) -> Path:
    """By the same settings as everywhere, but whatever cluster is configured: these commands mean the embedded one."""
    from ciprov.settings.loading import load

    return load(os.environ, replace(invocation.options, local=True, cluster="")).state_dir


def agents_table(agents: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            each["id"],
            each["hostname"],
            each["state"],
            *(str(each[key]) for key in ("cpus", "mem", "disk", "ports", "tasks", "role")),
            " ".join(f"{name}:{value}" for name, value in each["attributes"].items()),
        ]
        for each in agents
    ]
    heads = ("AGENT", "HOST", "STATE", "CPUS", "MEM", "DISK", "PORTS", "TASKS", "ROLE", "ATTRIBUTES")
    return table(heads, rows)


def _act(invocation: Invocation, agent_id: str, action: str) -> None:
    from ciprov.wiring.localcluster_agents import act

    done = act(embedded_state_dir(invocation), agent_id, action)
    tasks = "1 task" if done["tasks"] == 1 else f"{done['tasks']} tasks"
    invocation.tell(f"{done['id']} is {done['state']}, with {tasks}")
