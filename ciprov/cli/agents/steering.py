"""`ciprov agents request`, `drain`, `undrain`, `resume`, `reload`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.cli.output import Result, emit, output_option
from ciprov.foundation.errors import UsageError
from ciprov.foundation.json import JsonObject


@click.command()
@click.argument("template")
@click.option("--label", metavar="LABEL", default="", help="The one label that it bears, instead of a new one.")
@output_option
@pass_invocation
def request(invocation: Invocation, /, *, template: str, label: str, output: str) -> None:
    """Make one agent of TEMPLATE, for whoever asks for its label, and for nobody else.

    \b
    Examples:
      ciprov agents request linux
      ciprov agents request linux -o dotenv > agent.env
    """
    from ciprov.wiring.agents_operating import service

    made = service(invocation.settings_of_service()).request(template, label)
    variables = {
        "CIPROV_AGENT": str(made["agent"]),
        "CIPROV_AGENT_LABEL": str(made["label"]),
        "CIPROV_AGENT_TEMPLATE": str(made["template"]),
    }
    text = f"agent {made['agent']} of template {made['template']} is being made; ask for it by label {made['label']}"
    emit(Result(made, text, variables), output)


@click.command()
@click.argument("templates", metavar="[TEMPLATE]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All templates.")
@output_option
@pass_invocation
def drain(invocation: Invocation, /, *, templates: Sequence[str], every: bool, output: str) -> None:
    """Make no more agents of TEMPLATEs: idle ones go, builds go on. It holds over restarts, until `undrain`.

    \b
    Examples:
      ciprov agents drain gpu
      ciprov agents drain --all
    """
    from ciprov.wiring.agents_operating import service

    done = service(invocation.settings_of_service()).drain(_chosen(templates, every))
    _tell(done, "drained", "was drained already", output)


@click.command()
@click.argument("templates", metavar="[TEMPLATE]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All that are drained.")
@output_option
@pass_invocation
def undrain(invocation: Invocation, /, *, templates: Sequence[str], every: bool, output: str) -> None:
    """Make agents of drained TEMPLATEs again.

    \b
    Examples:
      ciprov agents undrain gpu
      ciprov agents undrain --all
    """
    from ciprov.wiring.agents_operating import service

    done = service(invocation.settings_of_service()).undrain(_chosen(templates, every))
    _tell(done, "drained no more", "was not drained", output)


@click.command()
@click.argument("templates", metavar="[TEMPLATE]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All that are paused.")
@output_option
@pass_invocation
def resume(invocation: Invocation, /, *, templates: Sequence[str], every: bool, output: str) -> None:
    """Try TEMPLATEs again at once that pause because they failed.

    \b
    Examples:
      ciprov agents resume gpu
      ciprov agents resume --all
    """
    from ciprov.wiring.agents_operating import service

    done = service(invocation.settings_of_service()).resume(_chosen(templates, every))
    _tell(done, "tried again", "was not paused", output)


@click.command()
@output_option
@pass_invocation
def reload(invocation: Invocation, /, *, output: str) -> None:
    """Let the service read the settings again now. Where they are wrong, that is told and the old ones stay.

    \b
    Examples:
      ciprov agents reload
    """
    from ciprov.wiring.agents_operating import service

    done = service(invocation.settings_of_service()).reload()
    # A service that runs since before it was upgraded tells less.
    late = ", ".join(done.get("at_next_start", ()))
    already = "" if any(done.get("difference", {}).values()) else " from what holds already"
    text = (f"read again: {done['text']}{already}" if "text" in done else "read again") + (
        f"; from the next start only: {late}" if late else ""
    )
    emit(Result(done, text, {"CIPROV_AGENT_TEMPLATES": " ".join(done["templates"])}), output)


def _chosen(templates: Sequence[str], every: bool) -> Sequence[str]:
    """None for all of them."""
    if every and templates:
        raise UsageError("--all and the names of templates exclude each other")
    if not every and not templates:
        raise UsageError(
            "no template is named", way_out="name some, or all with --all; `ciprov agents status` lists them"
        )
    return templates


def _tell(done: JsonObject, what: str, before: str, output: str) -> None:
    """`before` is how those were for which nothing changed."""
    templates: list[str] = done["templates"]
    changed = [name for name in templates if name in done.get("changed", templates)]
    lines = [f"{what}: {', '.join(changed)}"] if changed else []
    lines += [f"{name} {before}" for name in templates if name not in changed]
    variables = {"CIPROV_AGENT_TEMPLATES": " ".join(templates)}
    emit(Result(done, "\n".join(lines) or "nothing to do", variables), output)
