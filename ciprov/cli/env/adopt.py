"""`ciprov env adopt`."""

from __future__ import annotations

import click

from ciprov.cli.env.documents import record_document
from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.cli.output import Result, emit, output_option
from ciprov.cli.progress import shown
from ciprov.environments.adopting import Adopter
from ciprov.environments.tree import relative
from ciprov.wiring.environments import owner


@click.command()
@click.argument("name")
@output_option
@pass_invocation
def adopt(invocation: Invocation, *, name: str, output: str) -> None:
    """Record environment NAME again after its record was lost, from the labels of its apps and what runs.

    Nothing is written to Marathon. The blueprint is not known afterwards: `up` wants --blueprint once.

    \b
    Example:
      ciprov env adopt feature-x && ciprov env down feature-x
    """
    environments = invocation.writing()
    slug, _ = environments.named(name)
    with shown() as report:
        record = environments.service.adopt(slug, environments.group_path(slug), Adopter(name, owner()), report)
    apps = [relative(app_id, record.group_path) for app_id in record.app_ids]
    document = {**record_document(record), "apps": apps, "service_ports": dict(record.service_ports)}
    lines = [
        f"environment {record.name} is recorded again: {', '.join(apps)}",
        f"to change it: ciprov env up {record.name} --blueprint FILE",
    ]
    variables = {"CIPROV_CLUSTER_NAME": record.cluster, "CIPROV_ENV_NAME": record.name}
    emit(Result(document, "\n".join(lines), {**variables, "CIPROV_ENV_GROUP": record.group_path}), output)
