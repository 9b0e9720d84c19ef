"""What is shown of the service and its templates: whole, true, and without secrets."""

from __future__ import annotations

import json
from pathlib import Path

from agent_settings_examples import EVERY_KEY, PLAIN, agents_of, cluster

from ciprov.settings.agents.display import template_values
from ciprov.settings.agents.service_keys import SERVICE_KEYS
from ciprov.settings.agents.template_keys import TEMPLATE_KEYS
from ciprov.settings.display import rows
from ciprov.settings.fields import CLUSTER_KEYS


def test_what_is_shown_of_a_template_makes_the_same_template(tmp_path: Path) -> None:
    first = agents_of(cluster(tmp_path, EVERY_KEY)).rules.templates
    values = {template.name: template_values(template) for template in first}
    for shown in values.values():
        assert list(shown) == sorted(TEMPLATE_KEYS, key=list(shown).index)
    values["full"]["env"] |= {"S": {"from_env": "SECRET"}, "F": {"from_file": "secret"}}
    section = {"name": "svc", "jenkins": {"url": "http://j"}, "templates": values}
    section["framework"] = {"roles": ["builds", "*"]}  # type: ignore[assignment]
    text = json.dumps({"clusters": {"ci": {"mesos": "http://m", "agents": section}}})
    assert agents_of(cluster(tmp_path, text)).rules.templates == first


def test_every_setting_of_the_service_is_shown_with_its_source(tmp_path: Path) -> None:
    found = {row.key: row for row in rows(cluster(tmp_path, EVERY_KEY))}
    unused = {"jenkins.token", "jenkins.token_env", "api_token", "api_token_file", "jenkins.tls.verify"}
    unused |= {"masters_auth.password_file", "masters_auth.password_env"}
    for key in set(SERVICE_KEYS) - unused:
        assert found[f"agents.{key}"].source.startswith(str(tmp_path)), key
        assert found[f"agents.{key}"].variable == SERVICE_KEYS[key].variable
    shown = {key: row.shown for key, row in found.items()}
    assert shown["agents.templates"] == "full, docker"
    assert shown["agents.masters_auth.password"] == "(hidden)"
    assert (shown["agents.jenkins.token_file"], shown["agents.api_token_env"]) == (str(tmp_path / "token"), "API")
    assert (shown["agents.lead"], shown["agents.framework.failover_timeout"]) == ("0s", "2d")
    assert "p/w" not in str(found)
    assert not [row for row in rows(cluster(tmp_path, "clusters: {a: {marathon: 'http://m'}}")) if "agents" in row.key]


def test_what_is_shown_as_variables_says_the_same(tmp_path: Path) -> None:
    first = cluster(tmp_path, EVERY_KEY)
    variables = {
        row.variable: row.shown
        for row in rows(first)
        if row.key.startswith("agents.") and row.variable and not row.hidden
    }
    again = cluster(tmp_path, PLAIN.replace("a: {cpus", "b: {cpus"), CIPROV_AGENTS_MASTERS_PASSWORD="x", **variables)
    old, new = agents_of(first), agents_of(again)
    assert (new.listen, new.address, new.masters) == (old.listen, old.address, old.masters)
    assert new.rules.service == old.rules.service
    assert new.framework == old.framework


def test_no_variable_means_two_things() -> None:
    variables = [key.variable for key in (*CLUSTER_KEYS.values(), *SERVICE_KEYS.values())]
    assert len(set(variables)) == len(variables)
