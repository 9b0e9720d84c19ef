"""`ciprov env list`, `show` and `status`: how environments stand. They write nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import click

from ciprov.cli.env.documents import (
    endpoint_document,
    endpoint_lines,
    history_document,
    moment,
    operation_document,
    operation_lines,
    record_document,
)
from ciprov.cli.invocation import Invocation, pass_invocation
from ciprov.cli.output import Result, emit, output_option, table
from ciprov.domain.environment import EnvironmentRecord, Phase
from ciprov.environments.lifetime.expiry import last_use, relative, told
from ciprov.environments.status import AppStatus, EnvironmentStatus, EnvironmentSummary
from ciprov.environments.variables import environment_variables
from ciprov.foundation.clock import utc_now
from ciprov.foundation.errors import FAILED, OK
from ciprov.wiring.environments import is_untouched


@click.command("list")
@click.option("--team", help="Only those of this team; '' for those of none.")
@click.option("--owner", help="Only those of this user.")
@output_option
@pass_invocation
def list_(invocation: Invocation, *, team: str | None, owner: str | None, output: str) -> None:
    """List the environments of the cluster.

    \b
    Examples:
      ciprov env list
      ciprov env list --team video
      ciprov env list -o json | jq -r '.environments[].name'
    """
    records = invocation.records
    found: Sequence[EnvironmentSummary] = ()
    target, now = records.cluster.name, utc_now()
    if not is_untouched(invocation.settings, records):
        everything, target = invocation.environments.service.list(), invocation.environments.target
        found = [one for one in everything if team in (None, one.record.team) and owner in (None, one.record.owner)]
    documents = [
        {**record_document(one.record), "apps": one.apps, "ready_apps": one.ready_apps, "expired": one.expired}
        for one in found
    ]
    rows = [
        (
            one.record.name,
            one.record.blueprint,
            one.record.kind or "-",
            one.record.phase.value,
            f"{one.ready_apps}/{one.apps}",
            one.record.owner or "-",
            one.record.team or "-",
            moment(one.record.updated_at) or "-",
            relative(last_use(one.record), now),
            _expiry(one.record, now),
        )
        for one in found
    ]
    heads = ("NAME", "BLUEPRINT", "KIND", "PHASE", "READY", "OWNER", "TEAM", "UPDATED", "USED", "EXPIRES")
    text = table(heads, rows) if rows else f"no environments on {target}"
    cluster = records.cluster.name
    variables = {"CIPROV_CLUSTER_NAME": cluster, "CIPROV_ENVIRONMENTS": ",".join(one.record.name for one in found)}
    emit(Result({"cluster": cluster, "environments": documents}, text, variables), output)


@click.command()
@click.argument("name")
@output_option
@pass_invocation
def show(invocation: Invocation, *, name: str, output: str) -> None:
    """Show environment NAME: what it was made from, its addresses, and what was done to it.

    \b
    Examples:
      ciprov env show feature-x
      eval "$(ciprov env show feature-x -o dotenv)" && curl "$CIPROV_URL"
    """
    environments = invocation.environments
    slug, _ = environments.named(name)
    status = environments.service.status(slug, environments.group_path(slug))
    history = [history_document(entry) for entry in environments.service.history(slug, limit=20)]
    facts = record_document(status.record) if status.record else {"name": status.name, "group": status.group_path}
    document = {**facts, "url": status.front_url, "endpoints": _endpoints(status), "history": history}
    rows = [
        (key, ", ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else str(value))
        for key, value in facts.items()
        if value not in (None, "", {}) and value is not False
    ]
    lines = [f"{key:17} {value}" for key, value in rows]
    lines += [f"{'':17} {fact}" for fact in _lifetime(status)]
    lines += ["", *endpoint_lines(status.endpoints)] if status.endpoints else []
    lines += ["", status.front_url] if status.front_url else []
    if history:
        heads = ("AT", "OPERATION", "OUTCOME", "WHO", "SUMMARY")
        entries = [(one["at"], one["operation"], one["outcome"], one["who"], one["summary"]) for one in history]
        lines += [
            "",
            *table(heads, [[str(cell).partition("\n")[0] for cell in entry] for entry in entries]).splitlines(),
        ]
    emit(Result(document, "\n".join(lines), _variables(status)), output)


@click.command()
@click.argument("name")
@click.option("--exit-code", is_flag=True, help="Exit with 1 where an app is not healthy.")
@output_option
@pass_invocation
@click.pass_context
def status(ctx: click.Context, invocation: Invocation, *, name: str, exit_code: bool, output: str) -> None:
    """Show what runs in environment NAME, and why something does not.

    \b
    Examples:
      ciprov env status feature-x
      ciprov env status feature-x --exit-code -o json
    """
    environments = invocation.environments
    slug, _ = environments.named(name)
    found = environments.service.status(slug, environments.group_path(slug))
    phase = found.record.phase.value if found.record else "not recorded"
    document = {
        "cluster": environments.cluster.name,
        "environment": found.name,
        "group": found.group_path,
        "phase": phase,
        "failure": found.record.failure if found.record else "",
        "healthy": found.healthy,
        "operation": operation_document(found.record.operation if found.record else None, found.cut_short),
        **_lifetime_document(found),
        "url": found.front_url,
        "apps": [app.to_json() for app in found.apps],
        "diagnoses": [
            *({**one.to_json(), "of": "now"} for one in found.diagnoses),
            *({**one.to_json(), "of": "last operation"} for one in found.last_failure),
        ],
        "endpoints": _endpoints(found),
    }
    lines = [", ".join([f"environment {found.name} on {found.target}: {_phase(found)}", *_lifetime(found)])]
    if found.record:
        lines += operation_lines(found.name, found.record.operation, found.cut_short)
    lines += _failure(found)
    lines += ["", *table(("APP", "STATE", "READY", "DETAIL"), [_row(app, found) for app in found.apps]).splitlines()]
    for app in found.apps:
        lines += [f"  {task.id} {task.state} on {task.host} {_ports(task.ports)}".rstrip() for task in app.tasks]
    for one in found.diagnoses:
        lines += ["", *str(one).splitlines()]
    lines += ["", found.front_url] if found.front_url else []
    emit(Result(document, "\n".join(lines), {**_variables(found), "CIPROV_ENV_PHASE": phase}), output)
    ctx.exit(FAILED if exit_code and not found.healthy else OK)


def _phase(found: EnvironmentStatus) -> str:
    """As it is recorded, and whether that still holds."""
    if found.record is None:
        return f"not recorded (`ciprov env adopt {found.name}` records it)"
    stale = found.record.phase is Phase.READY and not found.healthy
    return "ready when ciprov left it, not all of it is now" if stale else found.record.phase.value


def _expiry(record: EnvironmentRecord, now: datetime) -> str:
    pinned = ", pinned" if record.pinned else ""
    if record.expires_at is None:
        return f"never{pinned}"
    marked = "expired" if record.expires_at <= now else relative(record.expires_at, now)
    return f"{moment(record.expires_at)} {marked}{pinned}"


def _lifetime(status: EnvironmentStatus) -> list[str]:
    """How long it lives yet, for people."""
    record, now = status.record, utc_now()
    if record is None:
        return []
    pinned = [f"pinned ({record.pinned})"] if record.pinned else []
    return [told(record, now), *pinned, f"last used {relative(last_use(record), now)}"]


def _lifetime_document(status: EnvironmentStatus) -> dict[str, object]:
    record = status.record
    if record is None:
        return {}
    facts = record_document(record)
    return {key: facts[key] for key in ("expires_at", "pinned", "last_used_at", "asleep")}


def _failure(status: EnvironmentStatus) -> list[str]:
    """What was recorded of the last operation, if that failed or was refused."""
    told = status.record.failure if status.record else ""
    if not told:
        told = "\n".join(map(str, status.last_failure))
    return ["last operation failed:", *(f"  {line}" for line in told.splitlines())] if told else []


def _row(app: AppStatus, status: EnvironmentStatus) -> tuple[str, str, str, str]:
    notes = [app.detail, f"changed outside: {app.drift}" if app.drift else ""]
    explained = {one.app_id for one in status.diagnoses if one.main.evidence}
    if app.last_failure and app.app_id not in explained:
        notes.append(f"last failure: {app.last_failure}")
    detail = "; ".join(note for note in notes if note)
    return app.app, app.state.value, f"{app.ready}/{app.wanted}", detail


def _ports(ports: tuple[int, ...]) -> str:
    return ",".join(map(str, ports))


def _endpoints(status: EnvironmentStatus) -> list[dict[str, object]]:
    return [endpoint_document(endpoint) for endpoint in status.endpoints]


def _variables(status: EnvironmentStatus) -> dict[str, str]:
    if status.record is None:
        return {"CIPROV_ENV_NAME": status.name, "CIPROV_ENV_GROUP": status.group_path}
    return environment_variables(status.record, status.front_url, status.endpoints)
