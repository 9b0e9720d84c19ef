"""`ciprov agents metrics`."""

from __future__ import annotations

import click

from ciprov.cli.invocation import Invocation, pass_invocation


@click.command()
@pass_invocation
def metrics(invocation: Invocation) -> None:
    """Print the service's metrics as Prometheus reads them.

    \b
    Examples:
      ciprov agents metrics
      ciprov agents metrics > /var/lib/node-exporter/ciprov.prom
    """
    from ciprov.wiring.agents_operating import service

    click.echo(service(invocation.settings_of_service()).metrics(), nl=False)
