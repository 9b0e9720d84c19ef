"""`ciprov agents templates`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.cli.output import Result, emit, note, output_option, table

if TYPE_CHECKING:
    from datetime import datetime

    from ciprov.agents.template import Template
    from ciprov.settings.agents import AgentSettings

_NESTED = ("container", "env")


@click.command()
@click.argument("name", required=False, default="")
@click.option("--check", is_flag=True, help="Read all secrets too, and show only what is wrong or doubtful.")
@output_option
@pass_invocation
def templates(invocation: Invocation, *, name: str, check: bool, output: str) -> None:
    """Show what agents are made like: all templates of the cluster, or every value of one and where it stands.

    Reads the settings and nothing else; secrets are hidden. Exit code 1 where the settings are wrong.

    \b
    Examples:
      ciprov --cluster staging agents templates
      ciprov --cluster staging agents templates maven -o json
      ciprov --cluster staging agents templates --check
    """
    from ciprov.foundation.clock import utc_now
    from ciprov.settings.agents import of_cluster

    agents = of_cluster(invocation.settings)
    chosen = (_chosen(agents, name),) if name else agents.rules.templates
    for one in agents.notes:
        note(f"note: {one}")
    variables = {"CIPROV_AGENT_TEMPLATES": " ".join(template.name for template in chosen)}
    if check:
        from ciprov.settings.agents.secrets import check as check_secrets

        check_secrets(agents)
        count = len(agents.rules.templates)
        secrets = sum(len(found) for found in agents.env_secrets.values())
        text = _checked(count, secrets)
        emit(Result({"templates": count, "secrets": secrets, "notes": list(agents.notes)}, text, variables), output)
        return
    now = utc_now()
    documents = [_document(template, agents, now) for template in chosen]
    document = {
        "cluster": invocation.settings.cluster.name,
        "service": agents.rules.service.name,
        "templates": documents,
    }
    emit(Result(document, _one(documents[0]) if name else _all(documents), variables), output)


def _checked(templates: int, secrets: int) -> str:
    told = "1 template is as it should be" if templates == 1 else f"{templates} templates are as they should be"
    if not secrets:
        return f"{told}; no secrets are in their `env`"
    return f"{told}; {'the secret' if secrets == 1 else f'all {secrets} secrets'} of their `env` can be read"


def _chosen(agents: AgentSettings, name: str) -> Template:
    from difflib import get_close_matches

    from ciprov.foundation.errors import UsageError

    found = agents.rules.template(name)
    if found is None:
        names = [template.name for template in agents.rules.templates]
        near = get_close_matches(name, names, n=1)
        raise UsageError(
            f"there is no template '{name}'",
            way_out=f"Did you mean {near[0]}?" if near else f"There are {', '.join(names)}.",
        )
    return found


def _document(template: Template, agents: AgentSettings, now: datetime) -> dict[str, Any]:
    from ciprov.agents.crew.schedules import next_warm_change, warm_count
    from ciprov.settings.agents.display import template_values

    prefix = f"templates.{template.name}."
    change = next_warm_change(template, now)
    return {
        "name": template.name,
        "resources": str(template.wanted),
        "warm_now": warm_count(template, now),
        "warm_changes_at": change.isoformat() if change else None,
        "values": template_values(template),
        "sources": {key.removeprefix(prefix): at for key, at in agents.sources.items() if key.startswith(prefix)},
    }


def _all(documents: list[dict[str, Any]]) -> str:
    rows = [
        (
            document["name"],
            " ".join(document["values"]["labels"]),
            document["resources"],
            str(document["values"]["most"] or "-"),
            str(document["warm_now"]),
            document["values"]["algorithm"],
            _container(document["values"]["container"]),
        )
        for document in documents
    ]
    return table(("TEMPLATE", "LABELS", "RESOURCES", "MOST", "WARM NOW", "ALGORITHM", "CONTAINER"), rows)


def _one(document: Mapping[str, Any]) -> str:
    rows = [
        (key, _shown(value), _source(document["sources"], key))
        for key, value in _flat(document["values"])
        if _is_there(value)
    ]
    until = f" until {document['warm_changes_at']}" if document["warm_changes_at"] else ""
    facts = f"{document['name']}: {document['resources']}; {document['warm_now']} idle agents kept ready now{until}"
    return f"{facts}\n\n{table(('SETTING', 'VALUE', 'FROM'), rows)}"


def _flat(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in values.items():
        inner = value if key in _NESTED and isinstance(value, dict) else None
        found += [(key, value)] if inner is None else [(f"{key}.{name}", each) for name, each in inner.items()]
    return found


def _source(sources: Mapping[str, str], key: str) -> str:
    return sources.get(key, "default")


def _is_there(value: Any) -> bool:
    return value not in (None, [], {}, "")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return " ".join(value)
    return value if isinstance(value, str) else json.dumps(_without_nulls(value), ensure_ascii=False)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value


def _container(container: Mapping[str, Any] | None) -> str:
    return "-" if container is None else f"{container['type']} {container['image'] or ''}".strip()
