"""Results on stdout, in the form that was asked for."""

from __future__ import annotations

import codecs
import json
import sys
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
    if output == "json":
        return as_json(result.document, indent=2) + "\n"
    if output == "yaml":
        return _yaml({"schema": SCHEMA, **result.document})
    if output == "dotenv":
        from ciprov.cli.dotenv import lines

        return lines(result.variables)
    return result.text.rstrip("\n") + "\n" if result.text else ""


def as_json(document: Mapping[str, Any], *, indent: int | None = None) -> str:
    """With the version of its form; without an indentation in one line."""
    return json.dumps({"schema": SCHEMA, **document}, indent=indent, ensure_ascii=not _holds_everything())


def _holds_everything() -> bool:
    """Whether stdout can be written any character. Else documents have escapes, which mean the same."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    name = codecs.lookup(encoding).name
    return name.startswith("utf") or name == "ascii"  # in place of which click writes UTF-8


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
    yaml.allow_unicode = _holds_everything()
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    stream = io.StringIO()
    # Through JSON, so that tuples and enums are written as plain YAML.
    yaml.dump(json.loads(json.dumps(document)), stream)
    return stream.getvalue()
