"""`ciprov env up`."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import click

from ciprov.cli.env.making import make, making_options
from ciprov.cli.env.request import prepared, request_options
from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.environments.lifetime.branches import branch_of_job, without_credentials
from ciprov.wiring.building import Prepared


@click.command()
@request_options
@click.option(
    "--branch",
    metavar="NAME",
    envvar="CIPROV_BRANCH",
    help="The branch it is made for; else the one that a Jenkins job builds, if NAME is called like it.",
)
@click.option(
    "--git-remote", metavar="URL", envvar="CIPROV_GIT_REMOTE", help="The repository of that branch; for `reap`."
)
@making_options
@pass_invocation
@click.pass_context
def up(ctx: click.Context, invocation: Invocation, /, name: str, **options: Any) -> None:
    """Make environment NAME from a blueprint, or change it, and wait until it serves. Doing it twice changes nothing.

    What the command does not say comes from the blueprint. Without --blueprint the recorded blueprint is used, with
    the recorded kind, parameters and time to live; secrets are never recorded and must be given each time.

    \b
    Examples:
      ciprov env up feature-x --blueprint environments/courseware.yaml
      ciprov env up feature/ABC-12_x -b shop.yaml --kind staging --param tag=1.4 --param db_password=@secret.txt
      ciprov env up feature-x --param revision=2 --on-failure keep
      ciprov env up feature-x -b shop.yaml -o dotenv > environment.properties
    """

    def prepare() -> tuple[str, Prepared]:
        slug, made = prepared(invocation.records, name, options)
        branch, remote = options["branch"] or "", options["git_remote"] or ""
        if not branch and not remote:
            branch, remote = branch_of_job(name, os.environ)
        origin = replace(made.origin, branch=branch.strip(), git_remote=without_credentials(remote))
        return slug, replace(made, origin=origin)

    make(ctx, invocation, name, prepare, options)
