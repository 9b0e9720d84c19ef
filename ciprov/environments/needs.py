"""What one instance of an app asks of its agent."""

from __future__ import annotations

from ciprov.environments.normalise import normal_form
from ciprov.foundation.json import JsonObject


def instance_needs(app: JsonObject) -> dict[str, float]:
    """What one instance asks of its agent."""
    form = normal_form(app)
    container = form.get("container") or {}
    needs = {name: number(form.get(name)) for name in ("cpus", "mem", "disk", "gpus")}
    persistent = [volume.get("persistent") or {} for volume in container.get("volumes") or []]
    needs["disk"] += sum(number(one.get("size")) for one in persistent if one.get("type") == "root")
    mappings = [one for one in container.get("portMappings") or [] if one.get("hostPort") is not None]
    needs["ports"] = float(len(form.get("portDefinitions") or mappings))
    return needs


def number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
