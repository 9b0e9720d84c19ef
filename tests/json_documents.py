"""What commands write with `-o json`, against the schemas in `docs/schemas/`: one for each command."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema
from fastjsonschema import JsonSchemaValueException

SCHEMAS = Path(__file__).resolve().parents[1] / "docs" / "schemas"
COMMANDS = json.loads((SCHEMAS.parents[1] / "ciprov/cli/completion/commands.json").read_text())


def command_of(arguments: Sequence[str]) -> str:
    """Such as `env-up`, of the words after the program's name."""
    node, words, value_comes = COMMANDS, [], False
    for argument in arguments:
        if value_comes:
            value_comes = False
        elif argument.startswith("-"):
            option = next((one for one in node["options"] if argument.partition("=")[0] in one["names"]), None)
            value_comes = option is not None and option["kind"] != "flag" and "=" not in argument
        elif argument in node.get("commands", {}):
            node = node["commands"][argument]
            words.append(argument)
    return "-".join(words)


def check(arguments: Sequence[str], document: Any) -> None:
    """Fails where the document is not as its command's schema has it, or has a key that the schema does not know."""
    command = command_of(arguments)
    try:
        validator(command)(document)
    except JsonSchemaValueException as error:
        raise AssertionError(
            f"{command}: {error.message}\n  docs/json.md says what may change in docs/schemas/{command}.json"
        ) from error


@cache
def validator(command: str) -> Callable[[Any], Any]:
    return fastjsonschema.compile(closed(schema(command)))


def schema(command: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SCHEMAS / f"{command}.json").read_text())
    return found


def closed(schema: Any) -> Any:
    """Readers have to bear new keys, but no command may write one that is not in its schema."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    found = {
        key: {name: closed(one) for name, one in value.items()} if key == "properties" else closed(value)
        for key, value in schema.items()
    }
    return (
        {**found, "additionalProperties": False}
        if "properties" in found and "additionalProperties" not in found
        else found
    )
