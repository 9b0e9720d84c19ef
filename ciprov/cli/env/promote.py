"""`ciprov env promote`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from ciprov.cli.env.making import hook_choice, make, making_options
from ciprov.cli.env.request import asked_for, lasting_options
from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.cli.output import note, warn
from ciprov.environments.deed import Deed
from ciprov.foundation.errors import CiprovError, UsageError
from ciprov.wiring.building import Prepared
from ciprov.wiring.copying import doubts, existing_source, prepare_copy


class NotConfirmed(CiprovError):
    """The plan was shown and not agreed to."""


@click.command()
@click.argument("source", metavar="NAME")
@click.option("--to", "kind", metavar="KIND", required=True, help="The kind to promote to, such as staging.")
@click.option("--as", "target", metavar="TARGET", help="The environment to make or change; else it is called as KIND.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask once the plan is shown.")
@lasting_options
@making_options
@pass_invocation
@click.pass_context
def promote(ctx: click.Context, invocation: Invocation, /, source: str, target: str | None, **options: Any) -> None:
    """Bring what environment NAME was made of to another kind: same blueprint and parameters, and so the same images,
    with what the blueprint says for that kind. Shows the plan first and asks.

    Secrets are never recorded and must be given, usually others than those of NAME.

    \b
    Examples:
      ciprov env promote feature-x --to staging
      ciprov env promote release-7 --to staging --as staging-eu --param db_password=@eu.secret --yes
    """
    records = invocation.records
    original = existing_source(records, source)
    name = target or options["kind"]
    if not name:
        raise UsageError("the environment to promote to needs a name", place="--as", way_out="--as TARGET")
    slug, there = records.named(name)
    if slug == original.name and options["kind"] != original.kind and there is not None:
        note(f"note: environment {slug} itself becomes of kind {options['kind']}")

    def prepare() -> tuple[str, Prepared]:
        return slug, prepare_copy(records, original, asked_for(slug, name, options))

    made = prepare()[1]
    for doubt in doubts(original, made):
        note(f"note: {doubt}")
    if not options["dry_run"]:
        _show_and_ask(invocation, slug, made, options)
    make(ctx, invocation, name, prepare, options, Deed("promote", f"{original.name} to {options['kind'] or 'no kind'}"))


def _show_and_ask(invocation: Invocation, slug: str, made: Prepared, options: Mapping[str, Any]) -> None:
    environments = invocation.environments
    plan = environments.service.plan(slug, made.on(environments.cluster), hook_choice(options))
    (note if options["yes"] else warn)(str(plan))
    if options["yes"] or plan.conflicts or not plan.changes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            "nobody is there to agree to the plan", way_out="look at it with --dry-run, then say --yes to carry it out"
        )
    if not click.confirm(f"Promote {options['kind']} into environment {slug}?", err=True):
        raise NotConfirmed("nothing was done: the plan was not agreed to")
