"""Small decisions of an import."""

from __future__ import annotations

import pytest

from ciprov.environments.importing.compose_health import seconds
from ciprov.environments.importing.compose_interpolation import variables_of
from ciprov.environments.importing.identifiers import blueprint_name, legal_path, name_of_file
from ciprov.environments.importing.parameters import looks_secret, parameter_name
from ciprov.environments.importing.templates import mask, split


@pytest.mark.parametrize(
    ("path", "legal"),
    [
        ("/a/b.c", "/a/b.c"),
        ("My_App", "my-app"),
        ("../Up/x", "../up/x"),
        ("/g/tasks", "/g/tasks-app"),
        ("-.-", "app"),
        ("peer0.Org_1.example", "peer0.org-1.example"),
    ],
)
def test_ids(path, legal):
    assert legal_path(path, is_app=True) == legal


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("shop/docker-compose.yml", "shop"),
        ("shop/compose.prod.yaml", "shop"),
        ("a/marathon.json", "a"),
        ("a/Web Site.json", "web-site"),
        ("docker-compose.yml", "docker-compose"),
        ("...", "imported"),
    ],
)
def test_names_of_blueprints(file, name):
    assert name_of_file(file) == name
    assert blueprint_name("Ä!") == ""


@pytest.mark.parametrize(
    ("text", "value"),
    [("1m30s", 90), ("500ms", 0.5), ("1h", 3600), ("", None), ("5", None), ("s", None), ("1 s", None)],
)
def test_durations(text, value):
    assert seconds(text) == value


def test_env_files():
    text = "# no\n\nexport A=1 # remark\nB='x # $y'\nC=\"a\\nb\"\nD\nE=\nF=a=b#c"

    assert variables_of(text) == [
        (3, "A", "1"),
        (4, "B", "x # $$y"),
        (5, "C", "a\nb"),
        (6, "D", None),
        (7, "E", ""),
        (8, "F", "a=b#c"),
    ]


@pytest.mark.parametrize("name", ["DB_PASSWORD", "api-key".replace("-", "_"), "GITHUB_TOKEN", "secret", "MYSQL_PWD"])
def test_names_of_secrets(name):
    assert looks_secret(name)


@pytest.mark.parametrize("name", ["PASSWORD_FILE", "TOKEN_URL", "USER", "PWDIR", "SECRET_NAME"])
def test_names_of_no_secrets(name):
    assert not looks_secret(name)


def test_names_of_parameters():
    assert parameter_name("db.user") == "db_user"
    assert parameter_name("0x") == "p_0x"
    assert parameter_name("!") == "value"


def test_marks_keep_the_length_of_placeholders():
    text = 'a: {{x}}\nb: "%{y}-{{ z.w }}"\n{{! remark }}c: 1'

    masked = mask(text, "f")

    assert [len(line) for line in masked.text.splitlines()] == [len(line) for line in text.splitlines()]
    assert [original for _, original in split(masked.text, masked) if original] == ["{{x}}", "%{y}", "{{ z.w }}"]


def test_steering_marks_are_found_with_their_place():
    findings = mask("x\n  {% if a %}", "f").findings

    assert [(one.line, one.column) for one in findings] == [(2, 3)]
