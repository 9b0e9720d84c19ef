"""`ciprov env clone`."""

from __future__ import annotations

from typing import Any

import click

from ciprov.cli.env.making import make, making_options
from ciprov.cli.env.request import asked_for, lasting_options
from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.cli.output import note
from ciprov.environments.deed import Deed
from ciprov.foundation.errors import UsageError
from ciprov.wiring.building import Prepared
from ciprov.wiring.copying import doubts, existing_source, prepare_copy


@click.command()
@click.argument("source")
@click.argument("name")
@click.option("--kind", metavar="KIND", help="Another kind than that of SOURCE; '' for none.")
@lasting_options
@making_options
@pass_invocation
@click.pass_context
def clone(ctx: click.Context, invocation: Invocation, /, source: str, name: str, **options: Any) -> None:
    """Make a new environment NAME as SOURCE was made: same blueprint, kind and parameters, ports of its own.

    What was scaled or changed by hand in SOURCE is not copied, and neither are data. Secrets are never recorded and
    must be given.

    \b
    Examples:
      ciprov env clone feature-x demo-monday --ttl 2d
      ciprov env clone staging bug-1234 --param tag=1.4.1 --dry-run
    """
    records = invocation.records
    original = existing_source(records, source)

    def prepare() -> tuple[str, Prepared]:
        slug, there = records.named(name)
        if there is not None and there.blueprint_source != original.blueprint_source:
            raise UsageError(
                f"environment {slug} is there already, and was made from another blueprint",
                way_out="choose another name, or `ciprov env down` it first",
            )
        if slug == original.name:
            raise UsageError(f"environment {slug} cannot be a copy of itself", way_out="choose another name")
        made = prepare_copy(records, original, asked_for(slug, name, options))
        for doubt in doubts(original, made):
            note(f"note: {doubt}")
        return slug, made

    make(ctx, invocation, name, prepare, options, Deed("clone", f"of {original.name}"))
