"""`ciprov env extend`, `pin`, `unpin` and `touch`: they write into the record alone, and restart nothing."""

from __future__ import annotations

import click

from ciprov.cli.env.documents import record_document
from ciprov.cli.env.request import duration
from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.cli.output import Result, emit, output_option
from ciprov.domain.environment import EnvironmentRecord
from ciprov.environments.lifetime import amending
from ciprov.environments.lifetime.amending import Ledger
from ciprov.environments.lifetime.expiry import told
from ciprov.foundation.clock import timestamp


@click.command()
@click.argument("name")
@click.argument("span", metavar="[DURATION]", type=duration, required=False)
@output_option
@pass_invocation
def extend(invocation: Invocation, *, name: str, span: int | None, output: str) -> None:
    """Let environment NAME live for DURATION from now, or for its own time to live. It never gets shorter by this.

    Nothing is written to Marathon, and no task restarts.

    \b
    Examples:
      ciprov env extend feature-x
      ciprov env extend feature-x 3d
    """
    slug, ledger = _opened(invocation, name)
    _emit(amending.extend(ledger, slug, span), ledger, output)


@click.command()
@click.argument("name")
@click.option("--reason", metavar="TEXT", default="", help="Why, for others to read.")
@output_option
@pass_invocation
def pin(invocation: Invocation, *, name: str, reason: str, output: str) -> None:
    """Keep environment NAME from being reaped until it is unpinned. `down` still removes it.

    \b
    Example:
      ciprov env pin feature-x --reason 'demo on Friday'
    """
    slug, ledger = _opened(invocation, name)
    _emit(amending.pin(ledger, slug, reason.strip() or f"by {ledger.who.partition(',')[0]}"), ledger, output)


@click.command()
@click.argument("name")
@output_option
@pass_invocation
def unpin(invocation: Invocation, *, name: str, output: str) -> None:
    """Let environment NAME be reaped again once its time has come.

    \b
    Example:
      ciprov env unpin feature-x
    """
    slug, ledger = _opened(invocation, name)
    _emit(amending.unpin(ledger, slug), ledger, output)


@click.command()
@click.argument("name")
@output_option
@pass_invocation
def touch(invocation: Invocation, *, name: str, output: str) -> None:
    """Note that environment NAME is in use, for a reaper that looks for idle ones.

    \b
    Example:
      ciprov env touch feature-x
    """
    slug, ledger = _opened(invocation, name)
    _emit(amending.touch(ledger, slug), ledger, output)


def _opened(invocation: Invocation, name: str) -> tuple[str, Ledger]:
    records = invocation.records
    invocation.tell(f"records of cluster: {records.cluster.name}")
    return records.named(name)[0], records.ledger


def _emit(record: EnvironmentRecord, ledger: Ledger, output: str) -> None:
    now = ledger.now()
    facts = [told(record, now)]
    facts += [f"pinned ({record.pinned})"] if record.pinned else []
    facts += [f"last used {timestamp(record.last_used_at)}"] if record.last_used_at else []
    variables = {
        "CIPROV_CLUSTER_NAME": record.cluster,
        "CIPROV_ENV_NAME": record.name,
        "CIPROV_ENV_EXPIRES_AT": timestamp(record.expires_at) if record.expires_at else "",
    }
    emit(Result(record_document(record), f"environment {record.name}: {', '.join(facts)}", variables), output)
