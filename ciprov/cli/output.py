"""Results on stdout, in the form that was asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import click

from ciprov.cli.invocation import Invocation

SCHEMA = 1
"""Counts changes of the documents that would break a reader; new keys do not."""

FORMATS = ("table", "json", "yaml", "dotenv")
Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Result:
    """`document` for programs (JSON, YAML), `text` for people, `variables` for shells and Jenkins' readProperties."""

    document: Mapping[str, Any]
    text: str
    variables: Mapping[str, str] = field(default_factory=dict)


def output_option(command: Command) -> Command:
    """Adds `-o/--output`, passed on as `output`."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(FORMATS),
        default="table",
        show_default=True,
        help="The form of the result on stdout.",
    )(command)


def emit(result: Result, output: str) -> None:
    click.echo(rendered(result, output), nl=False)


def rendered(result: Result, output: str) -> str:
    document = {"schema": SCHEMA, **result.document}
    if output == "json":
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if output == "yaml":
        return _yaml(document)
    if output == "dotenv":
        from ciprov.cli.dotenv import lines

        return lines(result.variables)
    return result.text.rstrip("\n") + "\n" if result.text else ""


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns, the last one ragged; the heads alone where there are no rows. A row is one line."""
    lines = [list(heads), *[[" ".join(str(cell).splitlines()) for cell in row] for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def warn(text: str) -> None:
    """A line on stderr."""
    click.echo(text, err=True)


def note(text: str) -> None:
    """A line on stderr, unless --quiet was said."""
    if not is_quiet():
        click.echo(text, err=True)


def is_quiet() -> bool:
    context = click.get_current_context(silent=True)
    invocation = context.find_object(Invocation) if context else None
    return invocation is not None and invocation.quiet


def _yaml(document: Mapping[str, Any]) -> str:
    import io

    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    stream = io.StringIO()
    # Through JSON, so that tuples and enums are written as plain YAML.
    yaml.dump(json.loads(json.dumps(document)), stream)
    return stream.getvalue()
