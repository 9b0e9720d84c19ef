"""`ciprov local`: the embedded cluster of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.cli.local_agent import agent, agents_table, embedded_state_dir
from ciprov.cli.output import Result, emit, output_option

if TYPE_CHECKING:
    from ciprov.wiring.localcluster_status import ClusterStatus


@click.group("local")
def group() -> None:
    """The embedded cluster: Marathon's API and virtual Mesos agents on this machine, with tasks as processes.

    Other commands start it by themselves where no cluster is configured. There is one per state directory.

    \b
    Examples:
      ciprov local start --agents 3
      ciprov local status -o json
      ciprov local stop --purge
    """


local = group


@group.command()
@click.option("--agents", type=int, metavar="N", help="Number of virtual agents.  [default: 1]")
@click.option("--cpus", type=float, help="Cores over all agents.  [default: this machine's]")
@click.option("--mem", type=int, metavar="MIB", help="Memory over all agents.  [default: this machine's]")
@click.option("--disk", type=int, metavar="MIB", help="Disk over all agents.  [default: what is free]")
@click.option("--ports", metavar="FIRST-LAST", help="Host ports that every agent offers.  [default: 31000-32000]")
@click.option(
    "--attribute",
    "attributes",
    multiple=True,
    metavar="AGENT:NAME:VALUE",
    help="For constraints: an attribute of an agent (agent-1, agent-2, ...) or of 'all'. Repeatable.",
)
@click.option(
    "--role",
    "roles",
    multiple=True,
    metavar="AGENT:ROLE",
    help="The role for which all of an agent is reserved.  [default: *]",
)
@pass_invocation
def start(invocation: Invocation, /, attributes: tuple[str, ...], roles: tuple[str, ...], **sizes: Any) -> None:
    """Start it, or find it running. Options hold for later starts too.

    Each agent is a host of its own: the first has the cluster's loopback address, the others those behind it. An
    option --attribute or --role replaces all that earlier starts gave; --attribute "" takes them away.

    \b
    Examples:
      ciprov local start
      ciprov local start --agents 3 --cpus 12 --ports 31000-31999
      ciprov local start --agents 2 --attribute agent-1:rack:r1 --attribute agent-2:rack:r2
      ciprov local start --agents 2 --attribute all:zone:east --role agent-2:public
    """
    from ciprov.wiring.localcluster import Options, ensure_started, joined

    options = Options(**sizes, attributes=joined(attributes), roles=joined(roles))
    running = ensure_started(embedded_state_dir(invocation), options, invocation.tell)
    click.echo(running.marathon)


@group.command()
@click.option("--purge", is_flag=True, help="Remove all its files too: definitions, sandboxes, logs.")
@pass_invocation
def stop(invocation: Invocation, purge: bool) -> None:
    """End it with all its tasks. Definitions are kept, and run again after the next start.

    \b
    Examples:
      ciprov local stop
      ciprov local stop --purge
    """
    from ciprov.wiring.localcluster import stop as stop_cluster

    if stop_cluster(embedded_state_dir(invocation), purge):
        invocation.tell("stopped the embedded cluster" + (" and removed its files" if purge else ""))


@group.command()
@output_option
@pass_invocation
def status(invocation: Invocation, output: str) -> int:
    """Where it is and what runs on it. Exit code 1 where it does not run.

    JSON, YAML and dotenv hold the credential, for other clients of its API.

    \b
    Examples:
      ciprov local status
      curl -u "ciprov:$(ciprov local status -o json | jq -r .credential)" ...
    """
    from ciprov.wiring.localcluster_status import status as ask

    found = ask(embedded_state_dir(invocation))
    if found is None:
        emit(Result({"running": False}, "the embedded cluster does not run", {"CIPROV_LOCAL_RUNNING": "false"}), output)
        return 1
    emit(Result(_document(found), _text(found), _variables(found)), output)
    return 0


group.add_command(agent)


@group.command()
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on.")
@click.option("-n", "--lines", type=click.IntRange(min=0), default=100, show_default=True, help="How many lines.")
@pass_invocation
def logs(invocation: Invocation, follow: bool, lines: int) -> None:
    """The daemon's own log. What tasks write is shown by `ciprov env logs`.

    \b
    Examples:
      ciprov local logs -n 20
      ciprov local logs -f
    """
    from ciprov.wiring.localcluster import follow_log, log_tail

    state_dir = embedded_state_dir(invocation)
    for line in follow_log(state_dir, lines) if follow else log_tail(state_dir, lines):
        click.echo(line)


def _document(found: ClusterStatus) -> dict[str, Any]:
    about = found.descriptor
    return {
        "running": True,
        "pid": about.pid,
        "started_at": about.started_at,
        "marathon": about.marathon,
        "mesos": about.mesos,
        "service_address": about.service_address,
        "user": about.user,
        "credential": found.credential,
        "credential_file": about.credential_file,
        "log": about.log,
        "agents": found.agents,
        "counts": found.counts,
        "problems": found.problems,
    }


def _variables(found: ClusterStatus) -> dict[str, str]:
    about = found.descriptor
    return {
        "CIPROV_LOCAL_RUNNING": "true",
        "CIPROV_LOCAL_MARATHON": about.marathon,
        "CIPROV_LOCAL_MESOS": about.mesos,
        "CIPROV_LOCAL_SERVICE_ADDRESS": about.service_address,
        "CIPROV_LOCAL_USER": about.user,
        "CIPROV_LOCAL_CREDENTIAL": found.credential,
    }


def _text(found: ClusterStatus) -> str:
    about, counts = found.descriptor, found.counts
    facts = [
        ("marathon", about.marathon),
        ("mesos", about.mesos),
        ("services at", about.service_address),
        ("user", about.user),
        ("credential in", about.credential_file),
        ("log", about.log),
        ("since", f"{about.started_at}, pid {about.pid}"),
        ("apps", f"{counts['apps']}, deployments under way {counts['deployments']}"),
        ("tasks", f"{counts['running']} running, {counts['staging']} staging, {counts['waiting']} waiting"),
    ]
    if counts.get("frameworks"):
        facts.append(("frameworks", f"{counts['frameworks']}, with {counts['framework_tasks']} tasks"))
    width = max(len(name) for name, _ in facts)
    lines = [f"{name.ljust(width)}  {value}" for name, value in facts]
    lines += ["", agents_table(found.agents)]
    lines += [f"problem: {problem}" for problem in found.problems]
    return "\n".join(lines)
