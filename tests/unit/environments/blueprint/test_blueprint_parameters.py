"""Values of parameters: where they come from, their types and limits, and that secrets stay hidden."""

import pytest

from ciprov.environments.blueprint.nodes import Place, node_of
from ciprov.environments.blueprint.parameters import Resolver, Secret, variable
from ciprov.environments.blueprint.records import Parameter

AT = Place(3, 7)


def _resolve(parameters, given=None, environment=None):
    by_name = {parameter.name: parameter for parameter in parameters}
    return Resolver("f.yaml", by_name, {"env.name": "feature-x"}, given or {}, environment or {}).resolve()


def _default(value):
    return node_of(value, AT)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("string", "", ""),
        ("string", "3", "3"),
        ("integer", "-3", -3),
        ("number", "3", 3),
        ("number", "0.5", 0.5),
        ("number", "1e3", 1000.0),
        ("boolean", "TRUE", True),
        ("boolean", "false", False),
    ],
)
def test_texts_take_the_type(kind, text, value):
    values = _resolve([Parameter("p", kind)], {"p": text})

    assert values.by_name == {"p": value}
    assert type(values.by_name["p"]) is type(value)
    assert values.findings == ()


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        (Parameter("p", "integer"), "3.0"),
        (Parameter("p", "integer"), "9" * 5000),
        (Parameter("p", "integer"), "٣"),
        (Parameter("p", "number"), "nan"),
        (Parameter("p", "number"), "1e999"),
        (Parameter("p", "boolean"), "yes"),
        (Parameter("p", "integer", minimum=1), "0"),
        (Parameter("p", "integer", maximum=8), "9"),
        (Parameter("p", "string", enum=("a", "b")), "c"),
        (Parameter("p", "string", pattern="v[0-9]+"), "v1x"),
    ],
)
def test_what_does_not_fit_is_told_with_what_does(parameter, text):
    values = _resolve([parameter], {"p": text})

    assert values.by_name == {}
    (finding,) = values.findings
    assert finding.is_error
    assert "does not fit" in finding.message
    assert finding.allowed


def test_the_command_line_beats_the_environment_beats_the_default():
    parameters = [Parameter(name, "string", default=_default("d")) for name in ("a", "b", "c")]

    values = _resolve(parameters, {"a": "given"}, {variable("a"): "env", variable("b"): "env"})

    assert values.by_name == {"a": "given", "b": "env", "c": "d"}


def test_defaults_may_use_other_parameters_in_any_order():
    parameters = [
        Parameter("image", "string", default=_default("demo:${tag}-${env.name}")),
        Parameter("tag", "string", default=_default("v${n}")),
        Parameter("n", "integer", default=_default(2)),
        Parameter("m", "integer", default=_default("${n}")),
    ]

    assert _resolve(parameters).by_name == {"image": "demo:v2-feature-x", "tag": "v2", "n": 2, "m": 2}


def test_a_missing_value_is_told_once_not_again_where_it_is_used():
    values = _resolve([Parameter("a", "string"), Parameter("b", "string", default=_default("x${a}"))])

    assert [str(finding) for finding in values.findings] == [
        "--param: a: a value is needed (allowed: text); give --param a=…"
    ]


def test_unknown_parameters_get_a_suggestion():
    values = _resolve([Parameter("workers", "integer", default=_default(1))], {"workrs": "2"})

    assert "did you mean workers?" in str(values.findings[0])


def test_a_secret_is_hidden_everywhere():
    parameters = [
        Parameter("token", "secret", pattern="[a-z]+"),
        Parameter("other", "secret", pattern="[a-z]+"),
        Parameter("url", "string", default=_default("http://u:${token}@x")),
    ]

    values = _resolve(parameters, {"token": "geheim"}, {variable("other"): "GEHEIM2"})

    shown = repr(values) + str(values.by_name) + "".join(str(finding) for finding in values.findings)
    assert "eheim" not in shown.lower()
    assert values.secret_values == {"geheim", "http://u:geheim@x"}
    assert values.public == {}
    assert [finding.is_error for finding in values.findings] == [False, True]


def test_secrets_compare_by_value():
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert f"{Secret('a')}" == "***"


def test_a_missing_secret_names_both_ways_to_give_it():
    values = _resolve([Parameter("db-password", "secret")])

    assert [str(finding) for finding in values.findings] == [
        "--param: db-password: a value is needed (allowed: text); "
        "set CIPROV_PARAM_DB_PASSWORD or give --param db-password=@FILE"
    ]
