"""Environments as documents, lines and variables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ciprov.cli.output import table
from ciprov.domain.environment import Endpoint, EnvironmentRecord, HistoryEntry, Operation, Phase
from ciprov.foundation.clock import timestamp


def moment(value: datetime | None) -> str | None:
    return timestamp(value) if value else None


def endpoint_document(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "app": endpoint.app,
        "name": endpoint.name,
        "host": endpoint.host,
        "port": endpoint.port,
        "protocol": endpoint.protocol,
        "url": endpoint.url,
    }


def endpoint_lines(endpoints: Sequence[Endpoint]) -> list[str]:
    rows = [(one.app, one.name, one.url or f"{one.host}:{one.port}") for one in endpoints]
    return table(("APP", "PORT", "ADDRESS"), rows).splitlines() if rows else []


def record_document(record: EnvironmentRecord) -> dict[str, Any]:
    """Without the blueprint's text, which may be long, and without the hashes of secrets."""
    return {
        "name": record.name,
        "given_name": record.given_name or record.name,
        "cluster": record.cluster,
        "group": record.group_path,
        "blueprint": record.blueprint,
        "blueprint_file": record.blueprint_file,
        "kind": record.kind,
        "phase": record.phase.value,
        "owner": record.owner,
        "team": record.team,
        "cpus": record.cpus,
        "mem": record.mem,
        "created_at": moment(record.created_at),
        "updated_at": moment(record.updated_at),
        "ttl_seconds": record.ttl_seconds,
        "expires_at": moment(record.expires_at),
        "pinned": record.pinned,
        "last_used_at": moment(record.last_used_at),
        "asleep": record.phase is Phase.ASLEEP,
        "branch": record.branch,
        "git_remote": record.git_remote,
        "branch_gone_since": moment(record.branch_gone_since),
        "parameters": dict(record.parameters),
        "failure": record.failure,
    }


def operation_document(operation: Operation | None, cut_short: bool) -> dict[str, Any] | None:
    if operation is None:
        return None
    return {
        "name": operation.name,
        "since": moment(operation.since),
        "who": operation.who,
        "step": operation.step,
        "number": operation.number,
        "going_back": operation.going_back,
        "cut_short": cut_short,
    }


def operation_lines(name: str, operation: Operation | None, cut_short: bool) -> list[str]:
    if operation is None:
        return []
    what = f"the way back of {operation.name}" if operation.going_back else operation.name
    began = f"{what}, begun by {operation.who} at {moment(operation.since)}"
    where = f", step {operation.number}: {operation.step}" if operation.step else ""
    if not cut_short:
        return [f"under way: {began}{where}"]
    return [f"cut short: {began}{where}", f"  `ciprov env resume {name}` goes on with it"]


def history_document(entry: HistoryEntry) -> dict[str, Any]:
    return {
        "operation": entry.operation,
        "at": moment(entry.at),
        "ended_at": moment(entry.ended_at),
        "who": entry.who,
        "summary": entry.summary,
        "outcome": entry.outcome or "did not end",
    }
